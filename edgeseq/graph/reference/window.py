"""Layers that look at a whole window at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgeseq.graph.layers import FloatArray, Layer
from edgeseq.graph.reference.listener import Listener
from edgeseq.graph.window import Bidirectional, LastStep, Reverse

RunChain = Callable[[Sequence[Layer], FloatArray, Listener], FloatArray]


def reverse(layer: Reverse, x: FloatArray, listen: Listener) -> FloatArray:
    """The last step first."""
    return x[:, ::-1]


def last_step(layer: LastStep, x: FloatArray, listen: Listener) -> FloatArray:
    """The last step alone."""
    return x[:, -1:]


def bidirectional(run_chain: RunChain) -> Callable[[Bidirectional, FloatArray, Listener], FloatArray]:
    """Return the meaning of a layer whose halves `run_chain` runs."""

    def run(layer: Bidirectional, x: FloatArray, listen: Listener) -> FloatArray:
        forward, backward = (run_chain(chain, x, listen) for chain in layer.chains)
        match layer.merge:
            case "concat":
                return np.concatenate([forward, backward], axis=-1)
            case "sum":
                return forward + backward
            case "mul":
                return forward * backward
            case "ave":
                return (forward + backward) / 2

    return run
