"""The meaning of every layer in float64, on whole windows that start from a zero state.

Calibration listens to the same code through `Listener`, so that ranges belong to the very
tensors the integers will hold. A new layer type gets a function here and a line in `MEANINGS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeseq.graph.cells import FastGrnn, Mgu, MinGru
from edgeseq.graph.layers import Activate, Dense, FloatArray, Graph, Gru, Layer, Lstm, Prelu, SimpleRnn
from edgeseq.graph.reference import cells, dense, recurrent
from edgeseq.graph.reference.activations import activate, sigmoid, softmax
from edgeseq.graph.reference.listener import Listener, silent

# (layer, x (batch, time, inputs), listener) -> (batch, time, outputs)
MEANINGS: dict[type[Layer], Callable[[Any, FloatArray, Listener], FloatArray]] = {
    Gru: recurrent.gru,
    Lstm: recurrent.lstm,
    SimpleRnn: recurrent.simple_rnn,
    Mgu: cells.mgu,
    MinGru: cells.min_gru,
    FastGrnn: cells.fast_grnn,
    Dense: dense.dense,
    Activate: dense.activation,
    Prelu: dense.prelu,
}


@dataclass(slots=True)
class ForwardResult:
    """outputs: (batch, time, out); hidden[layer name]: (batch, time, units)."""

    outputs: FloatArray
    hidden: dict[str, FloatArray] = field(default_factory=dict)


def normalize(graph: Graph, x: FloatArray) -> FloatArray:
    """Apply the graph's input normalisation; x: (..., features) in raw units."""
    if graph.normalization is None:
        return x
    return (x - graph.normalization.mean) / graph.normalization.std


def forward(graph: Graph, x: FloatArray, *, listen: Listener = silent, keep_hidden: Sequence[str] = ()) -> ForwardResult:
    """Run windows from a zero state; x: (batch, time, features) in raw units.

    keep_hidden names the recurrent layers whose states are returned.
    """
    value = normalize(graph, np.asarray(x, dtype=np.float64))
    hidden = {}
    for layer in graph.layers:
        value = MEANINGS[type(layer)](layer, value, listen)
        if layer.name in keep_hidden:
            hidden[layer.name] = value
    return ForwardResult(value, hidden)


__all__ = ["MEANINGS", "ForwardResult", "Listener", "activate", "forward", "normalize", "sigmoid", "silent", "softmax"]
