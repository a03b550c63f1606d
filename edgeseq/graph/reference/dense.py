"""Layers that look at one time step alone."""

from __future__ import annotations

import numpy as np

from edgeseq.graph.layers import Activate, Dense, FloatArray, Prelu
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
    result = activate(layer.function, x, *layer.parameters)
    listen(layer.name, "result", result)
    return result


def prelu(layer: Prelu, x: FloatArray, listen: Listener) -> FloatArray:
    """A slope per feature below zero."""
    return np.where(x >= 0, x, layer.alpha * x)
