"""Convolution, pooling, normalisation and embedding in float64."""

from __future__ import annotations

import numpy as np

from edgeseq.graph.around import Conv1D, DepthwiseConv1D, Embedding, GlobalPool, LayerNormalization
from edgeseq.graph.layers import Dense, FloatArray
from edgeseq.graph.reference.activations import activate
from edgeseq.graph.reference.dense import dense
from edgeseq.graph.reference.listener import Listener


def taps_of(x: FloatArray, taps: int, dilation: int) -> FloatArray:
    """Return (batch, time, taps, inputs): what each step sees, the oldest tap first, zeros before the start."""
    past = (taps - 1) * dilation
    padded = np.pad(x, ((0, 0), (past, 0), (0, 0)))
    return np.stack([padded[:, tap * dilation : tap * dilation + x.shape[1]] for tap in range(taps)], axis=2)


def conv1d(layer: Conv1D, x: FloatArray, listen: Listener) -> FloatArray:
    """A Dense layer over the taps, side by side."""
    seen = taps_of(x, layer.taps, layer.dilation)
    columns = layer.kernel.reshape(-1, layer.units)
    return dense(Dense(layer.name, columns, layer.bias, layer.activation), seen.reshape(*x.shape[:2], -1), listen)


def depthwise_conv1d(layer: DepthwiseConv1D, x: FloatArray, listen: Listener) -> FloatArray:
    """Every channel by itself."""
    seen = taps_of(x, layer.taps, layer.dilation)
    listen(layer.name, "x", seen.reshape(*x.shape[:2], -1))
    before = np.einsum("btkc,kcm->btcm", seen, layer.kernel).reshape(*x.shape[:2], -1) + layer.bias
    listen(layer.name, "before_activation", before)
    return activate(layer.activation, before)


def global_pool(layer: GlobalPool, x: FloatArray, listen: Listener) -> FloatArray:
    """The value so far, after every step."""
    if layer.function == "max":
        return np.maximum.accumulate(x, axis=1)
    return np.cumsum(x, axis=1) / np.arange(1, x.shape[1] + 1)[:, None]


def layer_normalization(layer: LayerNormalization, x: FloatArray, listen: Listener) -> FloatArray:
    """Over the last axis."""
    centred = x - x.mean(axis=-1, keepdims=True)
    normal = centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + layer.epsilon)
    listen(layer.name, "normal", normal)
    if layer.gamma is not None:
        normal = normal * layer.gamma
    return normal if layer.beta is None else normal + layer.beta


def embedding(layer: Embedding, x: FloatArray, listen: Listener) -> FloatArray:
    """Rows of the table."""
    return layer.table[np.clip(np.round(x[..., 0]), 0, len(layer.table) - 1).astype(np.int64)]
