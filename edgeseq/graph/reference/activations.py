"""Activations by their Keras names, in float64."""

from __future__ import annotations

import numpy as np

from edgeseq.graph.layers import ActivationName, FloatArray


def sigmoid(value: FloatArray) -> FloatArray:
    """Logistic function without overflow for large negative values."""
    # exp of -|v| never overflows; both halves share it.
    decay = np.exp(-np.abs(value))
    return np.where(value >= 0, 1.0, decay) / (1.0 + decay)


def softmax(value: FloatArray) -> FloatArray:
    """Softmax over the last axis."""
    shifted = np.exp(value - value.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), dtype=np.float64)


def activate(name: ActivationName, value: FloatArray) -> FloatArray:
    """Apply an activation by its Keras name."""
    match name:
        case "linear":
            return value
        case "relu":
            return np.maximum(value, 0.0)
        case "sigmoid":
            return sigmoid(value)
        case "tanh":
            return np.tanh(value)
        case "softmax":
            return softmax(value)
