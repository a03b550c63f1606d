"""Dense layers -> integers."""

from __future__ import annotations

from typing import Literal

import numpy as np

from edgeseq.arith.requantize import Multipliers
from edgeseq.arith.scale import Q15, Scale
from edgeseq.errors import CalibrationError
from edgeseq.graph import Dense
from edgeseq.quantize.ops.activation import OUTPUT_HEADROOM
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.parameters import MatmulInput, choose_preactivation, multipliers_for, quantize_matrix
from edgeseq.quantize.rounding import DENSE_DAMPING, mean_error, round_matrix
from edgeseq.quantize.types import UNIT_FUNCTIONS, Matvec, Operand, QuantDense, WeightBits


def dense(layer: Dense, tensor: Tensor, settings: Settings, *, last: bool) -> QuantDense:
    """A matrix whose output has a scale of its own, or feeds an activation's table."""
    weight, entering, bits = layer.kernel.T, tensor.whole, settings.bits(layer, head=True)
    moments = settings.ranges.moments[layer.name, "x"]
    calibrated = settings.ranges.max_abs[layer.name, "before_activation"]
    what = f"layer {layer.name!r}"
    dtype: Operand = "int8" if tensor.input_dtype == "int8" else "int16"
    function = next((f for f in UNIT_FUNCTIONS if f == layer.activation), None)
    if function is not None:
        shift, chosen = choose_preactivation(
            what, calibrated, function, lambda s: multipliers_for(weight, layer.bias, entering, s, bits, moments=moments)
        )
        matvec = _rounded(layer, chosen, entering, settings, bits)
        return QuantDense(layer.name, matvec, dtype, function, shift, Q15)
    worst = float((np.abs(weight).sum(axis=1) * tensor.bound + np.abs(layer.bias)).max(initial=0.0))
    # The last layer's range is a promise about unseen inputs; between layers the
    # next matmul sees the top byte only, so the range is kept tight.
    reach = min(worst, OUTPUT_HEADROOM * calibrated) if last else calibrated
    out_scale = Scale.at_least(max(reach, 2.0**-14) / 32767.0)
    for _ in range(16):
        found = multipliers_for(weight, layer.bias, entering, out_scale, bits, moments=moments)
        if found is not None:
            matvec = _rounded(layer, found, entering, settings, bits)
            activation: Literal["relu", "linear"] = "relu" if layer.activation == "relu" else "linear"
            return QuantDense(layer.name, matvec, dtype, activation, 0, out_scale)
        out_scale = out_scale.times_power_of_two(1)
    raise CalibrationError(f"{what}: weights span too many orders of magnitude for 15-bit multipliers")


def _rounded(layer: Dense, chosen: Multipliers, entering: MatmulInput, settings: Settings, bits: WeightBits) -> Matvec:
    weight, moments = layer.kernel.T, settings.ranges.moments[layer.name, "x"]
    codes = round_matrix(weight, chosen.weight_scale, moments, DENSE_DAMPING, bits)
    bias = layer.bias + mean_error(weight, codes, chosen.weight_scale, moments)
    return quantize_matrix(bias, chosen, entering, codes, bits)
