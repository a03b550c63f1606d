"""Recurrent layers -> integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeseq.arith.matmul import (
    MIN_PRODUCT_SHIFT,
    SCHEME_PARTS,
    cell_shift,
    int16_operand,
)
from edgeseq.arith.scale import power_of_two
from edgeseq.graph import FixedRecurrent, Gru, Lstm, Mgu, PairRecurrent, SimpleRnn
from edgeseq.graph.layers import UNBOUNDED, FloatArray
from edgeseq.quantize.ops.pair import Part, Shifts, fit, scales_of, shifts_of
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.parameters import trained_matrix
from edgeseq.quantize.types import QuantGru, QuantLstm, QuantMgu, QuantSimpleRnn


def _pair(
    layer: PairRecurrent,
    tensor: Tensor,
    settings: Settings,
    shifts: Shifts,
    *,
    bias: FloatArray | None = None,
    apart: FloatArray | None = None,
    state_of: Callable[[Shifts], int] = lambda shifts: shifts.state,
) -> tuple[dict[str, Any], Shifts]:
    """Quantise kernel and recurrent kernel; returns the fields of `QuantPair` and the steps that were needed.

    bias: (rows,), all that is added to input and recurrent part together, by default the layer's. apart: the recurrent bias
    of the last rows where it must not be merged (a GRU candidate's, which r multiplies), or None. state_of: the state's steps.
    """
    kernel, recurrent = layer.kernel.T, layer.recurrent_kernel.T
    merged_bias = layer.bias if bias is None else bias
    rows, merged = len(kernel), len(kernel) - (0 if apart is None else len(apart))
    recurrent_bias = np.zeros(rows)
    if apart is not None:
        recurrent_bias[merged:] = apart
    if layer.fixed is not None:
        return _trained_pair(layer, layer.fixed, tensor, shifts, merged_bias, recurrent_bias), shifts
    moments, bits, operand = settings.ranges.moments, settings.bits(layer), settings.operand(layer)

    def parts(chosen: Shifts) -> tuple[Part, Part]:
        h_enters = int16_operand(power_of_two(state_of(chosen)), operand)
        # The candidate's rows of a cell that resets its state before the product see r * h instead of h.
        gated = moments.get((layer.name, "gated_h"))
        return (
            Part(kernel, merged_bias, tensor.doubled(operand), moments[layer.name, "x"]),
            Part(recurrent, recurrent_bias, h_enters, moments[layer.name, "h"], gated, rows - layer.units),
        )

    preactivation_shift, shifts, (of_x, of_h) = fit(layer, settings, parts, shifts)
    merged_bias = merged_bias + of_x.error
    merged_bias[:merged] += of_h.error[:merged]
    recurrent_bias[merged:] += of_h.error[merged:]
    fields = {
        "input": of_x.matvec(merged_bias, bits),
        "recurrent": of_h.matvec(recurrent_bias, bits),
        "preactivation_shift": preactivation_shift,
        "operand": operand,
        "state_shift": state_of(shifts),
        "candidate_shift": 0 if isinstance(layer, Lstm) else shifts.candidate,
    }
    return fields, shifts


def _trained_pair(
    layer: PairRecurrent, fixed: FixedRecurrent, tensor: Tensor, shifts: Shifts, bias: FloatArray, recurrent_bias: FloatArray
) -> dict[str, Any]:
    """The integers that the layer was trained with, as fields of `QuantPair`."""
    tensor.check(layer, fixed.reads)
    assert fixed.recurrent is not None
    operand, bits = SCHEME_PARTS[fixed.scheme]
    out = scales_of(layer, fixed.preactivation_shift, shifts)
    h_enters = int16_operand(power_of_two(fixed.state_shift), operand)
    return {
        "input": trained_matrix(layer.kernel.T, bias, fixed.input, tensor.doubled(operand), out, bits),
        "recurrent": trained_matrix(layer.recurrent_kernel.T, recurrent_bias, fixed.recurrent, h_enters, out, bits),
        "preactivation_shift": fixed.preactivation_shift,
        "operand": operand,
        "state_shift": fixed.state_shift,
        "candidate_shift": 0 if isinstance(layer, Lstm) else fixed.candidate_shift,
    }


def gru(layer: Gru, tensor: Tensor, settings: Settings, *, last: bool) -> QuantGru:
    """Merge what biases can be merged: a candidate's recurrent one, which r multiplies, stays apart."""
    bias, apart = layer.bias[0] + layer.bias[1], None
    if layer.reset_after:
        candidate = slice(2 * layer.units, None)
        bias[candidate], apart = layer.bias[0, candidate], layer.bias[1, candidate]
    fields, shifts = _pair(layer, tensor, settings, shifts_of(layer, settings), bias=bias, apart=apart)
    return QuantGru(
        layer.name,
        reset_after=layer.reset_after,
        activation=layer.activation,
        recurrent_activation=layer.recurrent_activation,
        gate_shift=shifts.gate,
        **fields,
    )


def lstm(layer: Lstm, tensor: Tensor, settings: Settings, *, last: bool) -> QuantLstm:
    """The cell gets the power of two that holds its calibrated range, and an unbounded candidate the same."""
    if layer.fixed is not None:
        fields, _ = _pair(layer, tensor, settings, Shifts(layer.fixed.state_shift, 0, layer.fixed.cell_shift))
        return QuantLstm(
            layer.name,
            cell_shift=layer.fixed.cell_shift,
            activation=layer.activation,
            recurrent_activation=layer.recurrent_activation,
            **fields,
        )
    max_abs, what = settings.ranges.max_abs, f"layer {layer.name!r}: the cell state"
    unbounded = layer.activation in UNBOUNDED
    reach = max(max_abs[layer.name, "cell"], max_abs.get((layer.name, "candidate_part"), 0.0))
    cell = cell_shift(what, reach, unbounded=unbounded)
    shifts = shifts_of(layer, settings)

    def state_of(chosen: Shifts) -> int:
        return max(chosen.state, MIN_PRODUCT_SHIFT + chosen.gate + (chosen.candidate if unbounded else 0) - 15)

    fields, shifts = _pair(layer, tensor, settings, Shifts(shifts.state, shifts.gate, cell), state_of=state_of)
    return QuantLstm(
        layer.name,
        cell_shift=shifts.candidate,
        activation=layer.activation,
        recurrent_activation=layer.recurrent_activation,
        gate_shift=shifts.gate,
        **fields,
    )


def simple_rnn(layer: SimpleRnn, tensor: Tensor, settings: Settings, *, last: bool) -> QuantSimpleRnn:
    """One pair of matrices."""
    fields, _ = _pair(layer, tensor, settings, shifts_of(layer, settings))
    return QuantSimpleRnn(layer.name, activation=layer.activation, **fields)


def mgu(layer: Mgu, tensor: Tensor, settings: Settings, *, last: bool) -> QuantMgu:
    """One pair of matrices."""
    fields, _ = _pair(layer, tensor, settings, shifts_of(layer, settings))
    return QuantMgu(layer.name, **fields)
