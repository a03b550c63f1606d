"""Dense layers and activations -> integers."""

from __future__ import annotations

from typing import Literal

import numpy as np

from edgeseq.arith.requantize import Multipliers
from edgeseq.arith.scale import Q15, Scale
from edgeseq.errors import CalibrationError
from edgeseq.graph import Activate, Dense
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.parameters import MatmulInput, choose_preactivation, multipliers_for, quantize_matrix
from edgeseq.quantize.rounding import DENSE_DAMPING, mean_error, round_matrix
from edgeseq.quantize.types import Matvec, Operand, QuantDense, QuantRelu, WeightBits

# Logits of unseen inputs exceed the calibrated ones; 4x costs 2 of 16 bits.
OUTPUT_HEADROOM = 4.0


def dense(layer: Dense, tensor: Tensor, settings: Settings, *, last: bool, head: bool = True) -> QuantDense:
    """A matrix whose output has a scale of its own, or feeds an activation's table.

    head: it keeps 8-bit weights under a 4-bit scheme, as a convolution's matrix does not.
    """
    weight, entering, bits = layer.kernel.T, tensor.whole, settings.bits(layer, head=head)
    calibrated = settings.ranges.max_abs[layer.name, "before_activation"]
    what = f"layer {layer.name!r}"
    dtype: Operand = "int8" if tensor.input_dtype == "int8" else "int16"
    if layer.activation == "sigmoid" or layer.activation == "tanh":  # noqa: PLR1714 (narrows the type)
        shift, (chosen,) = choose_preactivation(
            what, calibrated, lambda s: [multipliers_for(weight, layer.bias, entering, s, bits)]
        )
        matvec = _rounded(layer, chosen, entering, settings, bits)
        return QuantDense(layer.name, matvec, dtype, layer.activation, shift, Q15)
    worst = float((np.abs(weight).sum(axis=1) * tensor.bound + np.abs(layer.bias)).max(initial=0.0))
    # The last layer's range is a promise about unseen inputs; between layers the
    # next matmul sees the top byte only, so the range is kept tight.
    reach = min(worst, OUTPUT_HEADROOM * calibrated) if last else calibrated
    out_scale = settings.scales.get(layer.name) or Scale.at_least(max(reach, 2.0**-14) / 32767.0)
    for _ in range(16):
        found = multipliers_for(weight, layer.bias, entering, out_scale, bits)
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


def activation(layer: Activate, tensor: Tensor, settings: Settings, *, last: bool) -> QuantRelu | None:
    """A ReLU; a final softmax stays on the float side."""
    if layer.function == "softmax":
        return None
    return QuantRelu(layer.name, tensor.size, tensor.scale)
