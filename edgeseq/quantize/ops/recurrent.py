"""GRU, LSTM, SimpleRNN and MGU -> integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeseq.arith.scale import power_of_two
from edgeseq.graph import Gru, Lstm, Mgu, PairRecurrent, SimpleRnn
from edgeseq.graph.layers import UNBOUNDED, FloatArray
from edgeseq.quantize.ops.pair import MAX_STATE_SHIFT, Part, Shifts, fit, power_shift, shifts_of
from edgeseq.quantize.ops.tensor import Settings, Tensor, int16_operand
from edgeseq.quantize.types import QuantGru, QuantLstm, QuantMgu, QuantSimpleRnn

# Streams run longer than calibration windows, and an LSTM cell integrates.
CELL_HEADROOM = 1.1
MAX_CELL_SHIFT = 7
# Products of gates and cells keep at least this shift.
MIN_PRODUCT_SHIFT = 7


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
    moments, bits, operand = settings.ranges.moments, settings.bits(layer), settings.operand(layer)
    kernel, recurrent = layer.kernel.T, layer.recurrent_kernel.T
    merged_bias = layer.bias if bias is None else bias
    rows, merged = len(kernel), len(kernel) - (0 if apart is None else len(apart))
    recurrent_bias = np.zeros(rows)
    if apart is not None:
        recurrent_bias[merged:] = apart

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
    max_abs, what = settings.ranges.max_abs, f"layer {layer.name!r}: the cell state"
    unbounded = layer.activation in UNBOUNDED
    reach = max(max_abs[layer.name, "cell"], max_abs.get((layer.name, "candidate_part"), 0.0))
    cell = power_shift(what, reach, MAX_STATE_SHIFT if unbounded else MAX_CELL_SHIFT, CELL_HEADROOM)
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
