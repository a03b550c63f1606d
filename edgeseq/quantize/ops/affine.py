"""A gain and an offset per channel: a depthwise convolution of one tap."""

from __future__ import annotations

import math

import numpy as np

from edgeseq.arith.matmul import OUTPUT_HEADROOM, MatmulInput
from edgeseq.arith.requantize import MAX_MULTIPLIER, MAX_SHIFT, MIN_SHIFT, Multipliers
from edgeseq.arith.scale import Scale
from edgeseq.errors import CalibrationError
from edgeseq.graph.layers import FloatArray
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.parameters import quantize_matrix
from edgeseq.quantize.types import Matvec, QuantDepthwise

LARGEST_WEIGHT = 127
# |bias| in accumulator steps, so that the product of a weight and a value has room beside it.
BIAS_BITS = 29


def affine(name: str, gain: FloatArray, offset: FloatArray, tensor: Tensor, settings: Settings, *, last: bool) -> QuantDepthwise:
    """``gain * x + offset`` at the calibrated scale of the layer of that name. gain, offset: (channels,)."""
    calibrated = settings.ranges.max_abs[name, "out"]
    worst = float((np.abs(gain) * tensor.bound + np.abs(offset)).max(initial=0.0))
    reach = min(worst, OUTPUT_HEADROOM * calibrated) if last else calibrated
    scale = settings.scales.get(name) or Scale.at_least(max(reach, 2.0**-14) / 32767.0)
    return affine_to(name, gain, offset, tensor, scale)


def affine_to(name: str, gain: FloatArray, offset: FloatArray, tensor: Tensor, scale: Scale) -> QuantDepthwise:
    """The same at a given output scale, or at the next power of two times it that int16 holds."""
    entering = tensor.whole
    for _ in range(32):
        found = _matvec(gain, offset, entering, scale)
        if found is not None:
            return QuantDepthwise(name, found, tensor.size, "linear", 0, scale)
        scale = scale.times_power_of_two(1)
    raise CalibrationError(f"layer {name!r}: gains and offsets span too many orders of magnitude for 15-bit multipliers")


def _matvec(gain: FloatArray, offset: FloatArray, entering: MatmulInput, scale: Scale) -> Matvec | None:
    """Weights and multipliers whose product comes closest to each channel's gain, or None if no shift can hold the largest.

    A multiplier is a multiple of the input scale's mantissa, so that the weight scale is exact in float32;
    the weight, of 1 to 127, is chosen with it, so that the product is still exact to about 13 bits.
    """
    ratio = np.abs(gain) * entering.scale.value / scale.value
    largest, offset_codes = float(ratio.max(initial=0.0)), np.abs(offset) / scale.value
    if float(offset_codes.max(initial=0.0)) > 2.0**16:
        return None
    mantissa = entering.scale.mantissa
    most = MAX_MULTIPLIER // mantissa
    limit = math.log2(LARGEST_WEIGHT * most * mantissa / largest) if largest else MAX_SHIFT
    # A bias of |offset| * 2**shift / multiplier steps must stay below 2**BIAS_BITS.
    bias_limit = BIAS_BITS + math.log2(most * mantissa / max(1.0, float(offset_codes.max(initial=0.0))))
    shift = min(MAX_SHIFT, math.floor(limit), math.floor(bias_limit) - 1)
    if shift < MIN_SHIFT:
        return None
    wanted = ratio[:, None] * 2.0**shift
    weight = np.arange(LARGEST_WEIGHT + 1)
    least = np.ceil(offset_codes * 2.0 ** (shift - BIAS_BITS) / mantissa)[:, None]
    parts = np.clip(np.round(wanted / (np.maximum(weight, 1) * mantissa)), np.maximum(1, least), most)
    best = np.abs(parts * mantissa * weight - wanted).argmin(axis=1)
    rows = np.arange(len(best))
    multiplier = (parts[rows, best] * mantissa).astype(np.int16)
    codes = (np.sign(gain) * weight[best]).astype(np.int8)[:, None]
    weight_scale = multiplier.astype(np.float64) * 2.0**-shift * scale.value / entering.scale.value
    return quantize_matrix(offset, Multipliers(multiplier, shift, weight_scale), entering, codes, 8)
