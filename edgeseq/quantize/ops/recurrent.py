"""Recurrent layers -> integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq.arith.matmul import SCHEME_PARTS, choose_cell_shift, choose_preactivation, int16_operand, multipliers_for
from edgeseq.arith.requantize import Multipliers
from edgeseq.arith.scale import Q15, preactivation_scale
from edgeseq.graph import FixedRecurrent, Gru, Lstm, Recurrent, SimpleRnn
from edgeseq.graph.layers import FloatArray
from edgeseq.quantize.calibrate import Calibration
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.parameters import quantize_matrix, trained_matrix
from edgeseq.quantize.rounding import Moments, mean_error, round_matrix, row_stretch
from edgeseq.quantize.types import Matvec, Operand, QuantGru, QuantLstm, QuantSimpleRnn, WeightBits


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Both matrices of a recurrent layer at one pre-activation scale."""

    input: Matvec
    recurrent: Matvec
    preactivation_shift: int
    operand: Operand

    @property
    def fields(self) -> tuple[Matvec, Matvec, int, Operand]:
        """In the order of `QuantRecurrent`."""
        return self.input, self.recurrent, self.preactivation_shift, self.operand


def _pair(layer: Recurrent, tensor: Tensor, settings: Settings, bias: FloatArray, apart: FloatArray | None = None) -> _Pair:
    """Quantise kernel and recurrent kernel.

    bias: (rows,), all that is added to input and recurrent part together. apart: the recurrent bias
    of the last rows where it must not be merged (a GRU candidate's, which r multiplies), or None.
    """
    kernel, recurrent = layer.kernel.T, layer.recurrent_kernel.T
    rows, merged = len(kernel), len(kernel) - (0 if apart is None else len(apart))
    recurrent_bias = np.zeros(rows)
    if apart is not None:
        recurrent_bias[merged:] = apart
    if layer.fixed is not None:
        return _trained_pair(layer, layer.fixed, tensor, bias, recurrent_bias)
    ranges, bits, operand = settings.ranges, settings.bits(layer), settings.operand(layer)
    x_enters, h_enters = tensor.doubled(operand), int16_operand(Q15, operand)
    x_moments, h_moments = ranges.moments[layer.name, "x"], ranges.moments[layer.name, "h"]
    x_stretch = ranges.stretch * row_stretch(kernel, bits, x_moments)
    h_stretch = ranges.stretch * row_stretch(recurrent, bits, h_moments)
    largest = max(ranges.max_abs[layer.name, part] for part in ("input_part", "recurrent_part"))
    shift, (for_input, for_state) = choose_preactivation(
        f"layer {layer.name!r}",
        largest,
        lambda scale: [
            multipliers_for(kernel, bias, x_enters, scale, bits, x_stretch),
            multipliers_for(recurrent, recurrent_bias, h_enters, scale, bits, h_stretch),
        ],
    )
    x_codes = round_matrix(kernel, for_input.weight_scale, x_moments, ranges.damping, bits)
    h_codes, h_error = _round_recurrent(layer, recurrent, for_state, ranges, h_moments, bits)
    bias = bias + mean_error(kernel, x_codes, for_input.weight_scale, x_moments)
    bias[:merged] += h_error[:merged]
    recurrent_bias[merged:] += h_error[merged:]
    return _Pair(
        quantize_matrix(bias, for_input, x_enters, x_codes, bits),
        quantize_matrix(recurrent_bias, for_state, h_enters, h_codes, bits),
        shift,
        operand,
    )


def _trained_pair(layer: Recurrent, fixed: FixedRecurrent, tensor: Tensor, bias: FloatArray, recurrent_bias: FloatArray) -> _Pair:
    """The integers that the layer was trained with."""
    tensor.check(layer, fixed.reads)
    operand, bits = SCHEME_PARTS[fixed.scheme]
    out = preactivation_scale(fixed.preactivation_shift)
    return _Pair(
        trained_matrix(layer.kernel.T, bias, fixed.input, tensor.doubled(operand), out, bits),
        trained_matrix(layer.recurrent_kernel.T, recurrent_bias, fixed.recurrent, int16_operand(Q15, operand), out, bits),
        fixed.preactivation_shift,
        operand,
    )


def _round_recurrent(
    layer: Recurrent, recurrent: FloatArray, chosen: Multipliers, ranges: Calibration, h_moments: Moments, bits: WeightBits
) -> tuple[npt.NDArray[np.int8], FloatArray]:
    """Return (codes, mean error); with reset_after=False the candidate's rows see r * h instead of h."""
    scale = chosen.weight_scale
    codes = round_matrix(recurrent, scale, h_moments, ranges.damping, bits)
    error = mean_error(recurrent, codes, scale, h_moments)
    gated = ranges.moments.get((layer.name, "gated_h"))
    if gated is not None:
        rows = slice(2 * layer.units, None)
        codes[rows] = round_matrix(recurrent[rows], scale[rows], gated, ranges.damping, bits)
        error[rows] = mean_error(recurrent[rows], codes[rows], scale[rows], gated)
    return codes, error


def gru(layer: Gru, tensor: Tensor, settings: Settings, *, last: bool) -> QuantGru:
    """Merge what biases can be merged: a candidate's recurrent one, which r multiplies, stays apart."""
    bias, apart = layer.bias[0] + layer.bias[1], None
    if layer.reset_after:
        candidate = slice(2 * layer.units, None)
        bias[candidate], apart = layer.bias[0, candidate], layer.bias[1, candidate]
    pair = _pair(layer, tensor, settings, bias, apart)
    return QuantGru(layer.name, *pair.fields, layer.reset_after)


def lstm(layer: Lstm, tensor: Tensor, settings: Settings, *, last: bool) -> QuantLstm:
    """The cell gets the power of two that holds its calibrated range."""
    pair = _pair(layer, tensor, settings, layer.bias)
    if layer.fixed is not None:
        return QuantLstm(layer.name, *pair.fields, layer.fixed.cell_shift)
    cell_shift = choose_cell_shift(f"layer {layer.name!r}", settings.ranges.max_abs[layer.name, "cell"])
    return QuantLstm(layer.name, *pair.fields, cell_shift)


def simple_rnn(layer: SimpleRnn, tensor: Tensor, settings: Settings, *, last: bool) -> QuantSimpleRnn:
    """One pair of matrices."""
    pair = _pair(layer, tensor, settings, layer.bias)
    return QuantSimpleRnn(layer.name, *pair.fields)
