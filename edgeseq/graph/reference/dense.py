"""Layers that look at one time step alone."""

from __future__ import annotations

from edgeseq.graph.layers import Activate, Dense, FloatArray
from edgeseq.graph.reference.activations import activate
from edgeseq.graph.reference.listener import Listener


def dense(layer: Dense, x: FloatArray, listen: Listener) -> FloatArray:
    """``activation(x kernel + bias)``."""
    listen(layer.name, "x", x)
    before = x @ layer.kernel + layer.bias
    listen(layer.name, "before_activation", before)
    return activate(layer.activation, before)


def activation(layer: Activate, x: FloatArray, listen: Listener) -> FloatArray:
    """The function alone."""
    return activate(layer.function, x)
