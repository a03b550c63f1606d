"""Input shape and normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeseq.frontend.handlers.chain import MAX_UNITS, Chain, Refusal
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Embedding, Normalization

MAX_IDS = 16384  # int16 input codes end at 16383


def read_input_shape(layer: SourceLayer, shape: Any, chain: Chain) -> Refusal | None:
    """Take (batch, time, features), or (batch, time) of token ids, from the layer that states it."""
    if isinstance(shape, list | tuple) and len(shape) == 2 and (shape[1] is None or isinstance(shape[1], int)):
        if layer.class_name not in ("InputLayer", "Embedding"):
            return Refusal(layer.name, f"input shape {shape} has no time axis; expected (batch, time, features)")
        chain.time_steps, chain.features, chain.input_size, chain.tokens = shape[1], 1, 1, True
        return None
    if (
        not isinstance(shape, list | tuple)
        or len(shape) != 3
        or not isinstance(shape[2], int)
        or not 1 <= shape[2] <= MAX_UNITS
        or not (shape[1] is None or (isinstance(shape[1], int) and shape[1] >= 1))
    ):
        return Refusal(layer.name, f"input shape {shape} is not (batch, time, features) with 1 to {MAX_UNITS} features")
    chain.time_steps, chain.features, chain.input_size = shape[1], shape[2], shape[2]
    return None


def input_layer(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Plain arrays alone."""
    if layer.config.get("ragged") or layer.config.get("sparse"):
        return Refusal(layer.name, "ragged or sparse input; feed plain arrays of one time step at a time")
    return None


def embedding(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """The first layer alone: its ids are the model's input codes."""
    if not chain.reads_input or chain.normalization is not None:
        return Refusal(layer.name, "Embedding is only supported as the first layer, where it reads token ids")
    if layer.config.get("mask_zero"):
        return Refusal(layer.name, "mask_zero=True skips padded steps, and a stream has none; use mask_zero=False")
    if not chain.tokens and chain.input_size is not None:
        return Refusal(layer.name, f"reads {chain.input_size} features; expected one token id a step, input shape (batch, time)")
    if len(layer.weights) != 1 or layer.weights[0].ndim != 2:
        return Refusal(layer.name, f"{len(layer.weights)} weight arrays; expected one table (ids, units)")
    table = layer.weights[0]
    if not (1 <= table.shape[0] <= MAX_IDS and 1 <= table.shape[1] <= MAX_UNITS):
        return Refusal(layer.name, f"a table {table.shape}; expected at most {MAX_IDS} ids, which int16 codes can name")
    chain.layers.append(Embedding(layer.name, table))
    chain.tokens, chain.features, chain.input_size = False, table.shape[1], 1
    return "token ids are the input codes; ids outside the table are clamped to its ends"


def dropout(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Nothing is left of it."""
    return "train-time only; nothing is exported"


def normalization(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """The first layer, once: it becomes part of the input quantiser."""
    config = layer.config
    if not chain.reads_input or chain.normalization is not None:
        return Refusal(layer.name, "Normalization is only supported once, as the first layer")
    axis = config.get("axis", [-1])
    if axis not in ([-1], -1, [2], 2, (-1,), (2,), None, []) or config.get("invert"):
        return Refusal(layer.name, f"Normalization over axis {axis} (invert={config.get('invert')}); only axis=-1 is supported")
    if layer.weights:
        mean, variance = layer.weights[0], layer.weights[1]
    elif config.get("mean") is not None and config.get("variance") is not None:
        try:
            mean, variance = (np.asarray(config[key], dtype=np.float64) for key in ("mean", "variance"))
        except (ValueError, TypeError):
            return Refusal(layer.name, "mean and variance in the config are not numbers")
    else:
        return Refusal(layer.name, "Normalization was never adapted; call layer.adapt(data) before saving")
    size = chain.features or mean.size
    mean, variance = mean.reshape(-1), variance.reshape(-1)
    if mean.size not in (1, size) or variance.size != mean.size or not np.isfinite(mean).all() or not (variance >= 0).all():
        return Refusal(layer.name, f"mean {mean.shape} and variance {variance.shape} do not fit {size} features")
    # Keras divides by max(std, epsilon) with epsilon 1e-7.
    std = np.maximum(np.sqrt(variance), 1e-7)
    chain.normalization = Normalization(np.broadcast_to(mean, (size,)).copy(), np.broadcast_to(std, (size,)).copy())
    return "becomes part of the input quantiser"
