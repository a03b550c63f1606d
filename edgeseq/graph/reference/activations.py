"""Activations by their Keras names, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from edgeseq.graph.layers import FloatArray

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
_erf = np.frompyfunc(math.erf, 1, 1)


def sigmoid(value: FloatArray) -> FloatArray:
    """Logistic function without overflow for large negative values."""
    # exp of -|v| never overflows; both halves share it.
    decay = np.exp(-np.abs(value))
    return np.where(value >= 0, 1.0, decay) / (1.0 + decay)


def softmax(value: FloatArray) -> FloatArray:
    """Softmax over the last axis."""
    shifted = np.exp(value - value.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), dtype=np.float64)


def softplus(value: FloatArray) -> FloatArray:
    """``log(1 + exp(v))``."""
    return np.logaddexp(value, 0.0)


def elu(value: FloatArray, alpha: float = 1.0) -> FloatArray:
    """Exponential linear unit."""
    return np.where(value > 0, value, alpha * np.expm1(np.minimum(value, 0.0)))


def celu(value: FloatArray, alpha: float = 1.0) -> FloatArray:
    """Continuously differentiable exponential linear unit."""
    return np.where(value > 0, value, alpha * np.expm1(np.minimum(value, 0.0) / alpha))


def gelu(value: FloatArray) -> FloatArray:
    """Gaussian error linear unit, the exact one."""
    return 0.5 * value * (1.0 + np.asarray(_erf(value / math.sqrt(2.0)), dtype=np.float64))


def hard_sigmoid(value: FloatArray) -> FloatArray:
    """Keras 3's: ``relu6(v + 3) / 6``."""
    return np.clip(value + 3.0, 0.0, 6.0) / 6.0


def hard_sigmoid_keras2(value: FloatArray) -> FloatArray:
    """Keras 2's: ``clip(0.2 * v + 0.5)``."""
    return np.clip(0.2 * value + 0.5, 0.0, 1.0)


def rectified(value: FloatArray, limit: float, slope: float, threshold: float) -> FloatArray:
    """Keras' ReLU layer: ``min(v, limit)`` from the threshold on, ``slope * (v - threshold)`` below it."""
    return np.where(value >= threshold, np.minimum(value, limit), slope * (value - threshold))


# (value, parameters of the layer) -> value
FUNCTIONS: dict[str, Callable[..., FloatArray]] = {
    "linear": lambda v: v,
    "relu": lambda v: np.maximum(v, 0.0),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "softmax": softmax,
    "hard_sigmoid": hard_sigmoid,
    "hard_sigmoid_keras2": hard_sigmoid_keras2,
    "rectified": rectified,
    "elu": elu,
    "celu": celu,
    "selu": lambda v: _SELU_SCALE * elu(v, _SELU_ALPHA),
    "exponential": np.exp,
    "softplus": softplus,
    "softsign": lambda v: v / (1.0 + np.abs(v)),
    "silu": lambda v: v * sigmoid(v),
    "gelu": gelu,
    "mish": lambda v: v * np.tanh(softplus(v)),
    "hard_silu": lambda v: v * hard_sigmoid(v),
    "hard_tanh": lambda v: np.clip(v, -1.0, 1.0),
    "log_sigmoid": lambda v: -softplus(-v),
    "tanh_shrink": lambda v: v - np.tanh(v),
    "soft_shrink": lambda v: np.sign(v) * np.maximum(np.abs(v) - 0.5, 0.0),
    "squareplus": lambda v: (v + np.sqrt(v * v + 4.0)) / 2.0,
    "sparse_plus": lambda v: np.where(v <= -1, 0.0, np.where(v >= 1, v, 0.25 * (v + 1.0) ** 2)),
    "sparse_sigmoid": lambda v: np.clip(0.5 * (v + 1.0), 0.0, 1.0),
}


def activate(name: str, value: FloatArray, *parameters: float) -> FloatArray:
    """Apply an activation by its name in FUNCTIONS."""
    return np.asarray(FUNCTIONS[name](value, *parameters), dtype=np.float64)
