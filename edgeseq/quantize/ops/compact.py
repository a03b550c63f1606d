"""minGRU and FastGRNN -> integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.arith.matmul import MAX_FACTOR_SHIFT, RANK_HEADROOM, SCHEME_PARTS, MatmulInput, int16_operand
from edgeseq.arith.scale import Scale, power_of_two, preactivation_scale
from edgeseq.errors import CalibrationError
from edgeseq.graph import FastGrnn, FixedFactor, FixedRecurrent, FixedRows, MinGru
from edgeseq.graph.layers import FloatArray
from edgeseq.quantize.ops.pair import Part, Shifts, fit, scales_of, shifts_of
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.parameters import trained_matrix
from edgeseq.quantize.types import Factor, Matvec, QuantFastGrnn, QuantMinGru


def min_gru(layer: MinGru, tensor: Tensor, settings: Settings, *, last: bool) -> QuantMinGru:
    """One matrix; its candidate rows are at the state's scale."""
    if layer.fixed is not None:
        return _trained_min_gru(layer, layer.fixed, tensor, shifts_of(layer, settings))
    operand, moments = settings.operand(layer), settings.ranges.moments[layer.name, "x"]
    part = Part(layer.kernel.T, layer.bias, tensor.doubled(operand), moments)
    shift, shifts, (rounded,) = fit(layer, settings, lambda _: [part], shifts_of(layer, settings))
    matvec = rounded.matvec(layer.bias + rounded.error, settings.bits(layer))
    return QuantMinGru(layer.name, shift, operand, matvec, state_shift=shifts.state, candidate_shift=shifts.candidate)


def fast_grnn(layer: FastGrnn, tensor: Tensor, settings: Settings, *, last: bool) -> QuantFastGrnn:
    """Two matrices, or up to four factors, and one scale for the sum that z and c read."""
    if layer.fixed is not None:
        return _trained_fast_grnn(layer, layer.fixed, tensor)
    operand, bits = settings.operand(layer), settings.bits(layer)
    shifts = shifts_of(layer, settings)
    state_scale = power_of_two(shifts.state)
    input_factor, x_enters = _factor(layer, "x", layer.kernels, tensor.doubled(operand), settings)
    state_factor, h_enters = _factor(layer, "h", layer.recurrent_kernels, int16_operand(state_scale, operand), settings)
    bias = layer.bias[0]

    def parts(_: Shifts) -> tuple[Part, Part]:
        return (
            _part(layer, "x", layer.kernels, bias, x_enters, settings),
            _part(layer, "h", layer.recurrent_kernels, np.zeros(layer.units), h_enters, settings),
        )

    shift, shifts, (of_x, of_h) = fit(layer, settings, parts, shifts)
    return QuantFastGrnn(
        layer.name,
        shift,
        operand,
        of_x.matvec(bias + of_x.error + of_h.error, bits),
        of_h.matvec(np.zeros(layer.units), bits),
        input_factor,
        state_factor,
        _candidate_bias(layer, shift),
        _q15(layer.zeta),
        _q15(layer.nu),
        state_shift=shifts.state,
    )


def _trained_min_gru(layer: MinGru, fixed: FixedRecurrent, tensor: Tensor, shifts: Shifts) -> QuantMinGru:
    """The integers that the layer was trained with."""
    tensor.check(layer, fixed.reads)
    operand, bits = SCHEME_PARTS[fixed.scheme]
    out = scales_of(layer, fixed.preactivation_shift, shifts)
    matvec = trained_matrix(layer.kernel.T, layer.bias, fixed.input, tensor.doubled(operand), out, bits)
    return QuantMinGru(
        layer.name, fixed.preactivation_shift, operand, matvec, state_shift=shifts.state, candidate_shift=shifts.candidate
    )


def _trained_fast_grnn(layer: FastGrnn, fixed: FixedRecurrent, tensor: Tensor) -> QuantFastGrnn:
    """The integers that the layer was trained with."""
    tensor.check(layer, fixed.reads)
    assert fixed.recurrent is not None
    operand, bits = SCHEME_PARTS[fixed.scheme]
    out = preactivation_scale(fixed.preactivation_shift)

    def matrices(
        kernels: tuple[FloatArray, ...], bias: FloatArray, entering: MatmulInput, rows: FixedRows, factor: FixedFactor | None
    ) -> tuple[Factor | None, Matvec]:
        first = None
        if factor is not None:
            scale = factor.scale.times_power_of_two(factor.shift)
            none = np.zeros(kernels[0].shape[1])
            first = Factor(trained_matrix(kernels[0].T, none, factor.rows, entering, scale, bits), factor.scale, factor.shift)
            entering = int16_operand(factor.scale, operand)
        return first, trained_matrix(kernels[-1].T, bias, rows, entering, out, bits)

    of_x = matrices(layer.kernels, layer.bias[0], tensor.doubled(operand), fixed.input, fixed.input_factor)
    h_enters = int16_operand(power_of_two(fixed.state_shift), operand)
    of_h = matrices(layer.recurrent_kernels, np.zeros(layer.units), h_enters, fixed.recurrent, fixed.recurrent_factor)
    return QuantFastGrnn(
        layer.name,
        fixed.preactivation_shift,
        operand,
        of_x[1],
        of_h[1],
        of_x[0],
        of_h[0],
        _candidate_bias(layer, fixed.preactivation_shift),
        _q15(layer.zeta),
        _q15(layer.nu),
        state_shift=fixed.state_shift,
    )


def _candidate_bias(layer: FastGrnn, preactivation_shift: int) -> npt.NDArray[np.int16]:
    """What the candidate's argument has beyond the gate's."""
    difference = np.round((layer.bias[1] - layer.bias[0]) / preactivation_scale(preactivation_shift).value)
    return np.clip(difference, -32768, 32767).astype(np.int16)


def _part(
    layer: FastGrnn, tensor: str, kernels: tuple[FloatArray, ...], bias: FloatArray, entering: MatmulInput, settings: Settings
) -> Part:
    """The matrix whose result is the sum: the last factor."""
    reads = f"{tensor}_rank" if len(kernels) > 1 else tensor
    return Part(kernels[-1].T, bias, entering, settings.ranges.moments[layer.name, reads])


def _factor(
    layer: FastGrnn, tensor: str, kernels: tuple[FloatArray, ...], entering: MatmulInput, settings: Settings
) -> tuple[Factor | None, MatmulInput]:
    """The first of two factors, if there are two, and how the last one's input enters."""
    if len(kernels) == 1:
        return None, entering
    bits, ranges = settings.bits(layer), settings.ranges
    reach = RANK_HEADROOM * ranges.max_abs[layer.name, f"{tensor}_rank_reach"]
    scale = Scale.at_least(max(reach, 2.0**-14) / 32767.0)
    part = Part(kernels[0].T, np.zeros(kernels[0].shape[1]), entering, ranges.moments[layer.name, tensor])
    for shift in range(MAX_FACTOR_SHIFT + 1):
        chosen = part.multipliers(scale.times_power_of_two(shift), bits, ranges.stretch)
        if chosen is not None:
            rounded = part.rounded(chosen, settings, bits)
            factor = Factor(rounded.matvec(rounded.error, bits), scale, shift)
            return factor, int16_operand(scale, settings.operand(layer))
    raise CalibrationError(f"layer {layer.name!r}: weights span too many orders of magnitude for 15-bit multipliers")


def _q15(value: FloatArray) -> int:
    return int(np.clip(np.round(float(value[0]) * 32768), 0, 32767))
