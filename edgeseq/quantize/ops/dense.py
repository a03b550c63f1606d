"""Dense layers -> integers."""

from __future__ import annotations

import numpy as np

from edgeseq.arith.matmul import OUTPUT_HEADROOM, MatmulInput, choose_output, choose_preactivation, multipliers_for
from edgeseq.arith.requantize import Multipliers
from edgeseq.arith.rounding import DENSE_DAMPING, mean_error, round_matrix, row_stretch
from edgeseq.arith.scale import Q15, preactivation_scale
from edgeseq.graph import Dense, FixedDense
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.parameters import quantize_matrix, trained_matrix
from edgeseq.quantize.types import UNIT_FUNCTIONS, DenseFunction, Matvec, Operand, QuantDense, WeightBits


def dense(layer: Dense, tensor: Tensor, settings: Settings, *, last: bool, head: bool = True) -> QuantDense:
    """A matrix whose output has a scale of its own, or feeds an activation's table.

    head: it keeps 8-bit weights under a 4-bit scheme, as a convolution's matrix does not.
    """
    if layer.fixed is not None:
        return _trained(layer, layer.fixed, tensor)
    weight, entering, bits = layer.kernel.T, tensor.whole, settings.bits(layer, head=head)
    stretch = row_stretch(weight, bits, settings.ranges.moments[layer.name, "x"])
    calibrated = settings.ranges.max_abs[layer.name, "before_activation"]
    what = f"layer {layer.name!r}"
    dtype: Operand = "int8" if tensor.input_dtype == "int8" else "int16"
    function = next((f for f in UNIT_FUNCTIONS if f == layer.activation), None)
    if function is not None:
        shift, (chosen,) = choose_preactivation(
            what, calibrated, lambda s: [multipliers_for(weight, layer.bias, entering, s, bits, stretch)], function
        )
        matvec = _rounded(layer, chosen, entering, settings, bits)
        return QuantDense(layer.name, matvec, dtype, function, shift, Q15)
    worst = float((np.abs(weight).sum(axis=1) * tensor.bound + np.abs(layer.bias)).max(initial=0.0))
    # The last layer's range is a promise about unseen inputs; between layers the
    # next matmul sees the top byte only, so the range is kept tight.
    reach = min(worst, OUTPUT_HEADROOM * calibrated) if last else calibrated
    out_scale, chosen = choose_output(
        what,
        reach,
        lambda s: multipliers_for(weight, layer.bias, entering, s, bits, stretch),
        settings.scales.get(layer.name),
    )
    matvec = _rounded(layer, chosen, entering, settings, bits)
    return QuantDense(layer.name, matvec, dtype, _integer_activation(layer), 0, out_scale)


def _integer_activation(layer: Dense) -> DenseFunction:
    """A final softmax stays on the float side."""
    return "linear" if layer.activation == "softmax" else layer.activation


def _trained(layer: Dense, fixed: FixedDense, tensor: Tensor) -> QuantDense:
    """The integers that the layer was trained with."""
    tensor.check(layer, fixed.reads)
    out = fixed.out_scale or preactivation_scale(fixed.preactivation_shift)
    matvec = trained_matrix(layer.kernel.T, layer.bias, fixed.rows, tensor.whole, out, fixed.bits)
    dtype: Operand = "int8" if tensor.input_dtype == "int8" else "int16"
    scale = fixed.out_scale or Q15
    return QuantDense(layer.name, matvec, dtype, _integer_activation(layer), fixed.preactivation_shift, scale)


def _rounded(layer: Dense, chosen: Multipliers, entering: MatmulInput, settings: Settings, bits: WeightBits) -> Matvec:
    weight, moments = layer.kernel.T, settings.ranges.moments[layer.name, "x"]
    codes = round_matrix(weight, chosen.weight_scale, moments, DENSE_DAMPING, bits)
    bias = layer.bias + mean_error(weight, codes, chosen.weight_scale, moments)
    return quantize_matrix(bias, chosen, entering, codes, bits)
