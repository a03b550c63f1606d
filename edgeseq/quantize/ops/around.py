"""Pooling, normalisation and embedding -> integers."""

from __future__ import annotations

import math

import numpy as np

from edgeseq.arith.normalize import MAX_EPSILON
from edgeseq.arith.scale import Scale
from edgeseq.errors import CalibrationError
from edgeseq.graph import Embedding, GlobalPool, LayerNormalization
from edgeseq.quantize.ops.affine import affine
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.types import QuantEmbedding, QuantLayer, QuantNormalize, QuantPool, QuantWiden

# Unseen inputs exceed the calibrated ones; 2x costs one of 16 bits.
NORMAL_HEADROOM = 2.0


def widen(name: str, tensor: Tensor) -> QuantWiden:
    """The model's input codes as an int16 tensor."""
    return QuantWiden(name, tensor.size, tensor.widened.scale, tensor.widening_shift)


def global_pool(layer: GlobalPool, tensor: Tensor, settings: Settings, *, last: bool) -> QuantPool:
    """At the scale of its input: no value so far can leave the range of single steps."""
    return QuantPool(layer.name, tensor.size, tensor.scale, layer.function)


def layer_normalization(layer: LayerNormalization, tensor: Tensor, settings: Settings, *, last: bool) -> tuple[QuantLayer, ...]:
    """Zero mean and unit variance, then a gain and an offset per feature where there are any."""
    size = tensor.size
    # A normalised value is never beyond sqrt(size - 1).
    reach = min(math.sqrt(size), NORMAL_HEADROOM * settings.ranges.max_abs[layer.name, "normal"])
    fraction_bits = 15 - max(0, math.ceil(math.log2(max(reach, 2.0**-14))))
    epsilon = round(layer.epsilon * size**2 / tensor.scale.value**2)
    if epsilon > MAX_EPSILON:
        raise CalibrationError(
            f"layer {layer.name!r}: epsilon={layer.epsilon:g} dwarfs the input, whose step is {tensor.scale.value:g}; "
            "scale the input of the layer up and train again"
        )
    normalize = QuantNormalize(f"{layer.name}_normal", size, max(1, epsilon), fraction_bits)
    if layer.gamma is None and layer.beta is None:
        return (QuantNormalize(layer.name, size, normalize.epsilon, fraction_bits),)
    gain = np.ones(size) if layer.gamma is None else layer.gamma
    offset = np.zeros(size) if layer.beta is None else layer.beta
    normal = Tensor(size, normalize.out_scale, 32768 * normalize.out_scale.value)
    return normalize, affine(layer.name, gain, offset, normal, settings, last=last)


def embedding(layer: Embedding, tensor: Tensor, settings: Settings, *, last: bool) -> QuantEmbedding:
    """One scale for the whole table."""
    largest = float(np.abs(layer.table).max(initial=0.0))
    scale = Scale.at_least(max(largest, 2.0**-14) / 127.0)
    codes = np.clip(np.round(layer.table / scale.value), -127, 127).astype(np.int8)
    return QuantEmbedding(layer.name, codes, scale.times_power_of_two(-8))
