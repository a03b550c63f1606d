"""Recurrent layers."""

from __future__ import annotations

from typing import get_args

import numpy as np

from edgeseq.arith.scale import Scale
from edgeseq.graph.layers import UNBOUNDED, CellFunction
from edgeseq.quantize.types import (
    Factor,
    Matvec,
    QuantFastGrnn,
    QuantGru,
    QuantLstm,
    QuantMinGru,
    QuantPair,
    QuantRecurrent,
    QuantSimpleRnn,
)
from edgeseq.quantize.validators.matrix import matvec_problem, power_problem, shift_problem

# What int32 products and shifts of the kernels hold.
MAX_STATE_SHIFT, MAX_GATE_SHIFT, MAX_CELL_SHIFT = 15, 8, 7
MIN_PRODUCT_SHIFT = 2


def _common(layer: QuantRecurrent) -> str | None:
    if layer.operand not in ("int8", "int16"):
        return f"operand {layer.operand!r}"
    for function in layer.functions:
        if function not in get_args(CellFunction):
            return f"a function {function!r}; expected one of {', '.join(get_args(CellFunction))}"
    return (
        shift_problem(layer.preactivation_shift, used=True)
        or power_problem("state", layer.state_shift, MAX_STATE_SHIFT)
        or power_problem("candidate", layer.candidate_shift, MAX_STATE_SHIFT)
        or _candidate_problem(layer)
    )


def _candidate_problem(layer: QuantRecurrent) -> str | None:
    """A candidate that nothing bounds has no finer steps than the state that it becomes; an LSTM's has the cell's."""
    unbounded = layer.functions[-1] in UNBOUNDED and not isinstance(layer, QuantLstm)
    if unbounded and layer.candidate_shift < layer.state_shift:
        return f"candidate shift {layer.candidate_shift} is below state shift {layer.state_shift}"
    return None


def pair(layer: QuantPair, size: int) -> str | None:
    """A cell of two matrices."""
    rows = layer.gates * layer.units
    return _common(layer) or matvec_problem(layer.input, size, rows) or matvec_problem(layer.recurrent, layer.units, rows)


def gru(layer: QuantGru, size: int) -> str | None:
    """And its gates."""
    return pair(layer, size) or power_problem("gate", layer.gate_shift, MAX_GATE_SHIFT)


def lstm(layer: QuantLstm, size: int) -> str | None:
    """And its cell."""
    if problem := pair(layer, size) or power_problem("gate", layer.gate_shift, MAX_GATE_SHIFT):
        return problem
    limit = MAX_STATE_SHIFT if layer.activation in UNBOUNDED else MAX_CELL_SHIFT
    if problem := power_problem("cell", layer.cell_shift, limit):
        return problem
    if min(layer.hidden_shift, layer.added_shift) < MIN_PRODUCT_SHIFT:
        return f"cell shift {layer.cell_shift}, gate shift {layer.gate_shift} and state shift {layer.state_shift} do not fit"
    return None


def simple_rnn(layer: QuantSimpleRnn, size: int) -> str | None:
    """No more than its matrices."""
    return pair(layer, size)


def min_gru(layer: QuantMinGru, size: int) -> str | None:
    """One matrix."""
    if layer.input.rows % 2:
        return f"{layer.input.rows} rows; expected two for each unit"
    return _common(layer) or matvec_problem(layer.input, size, None)


def fast_grnn(layer: QuantFastGrnn, size: int) -> str | None:
    """Its factors, its biases, its two constants."""
    units = layer.units
    bias = layer.candidate_bias
    if bias.shape != (units,) or bias.dtype != np.int16:
        return f"candidate bias {bias.shape} {bias.dtype} does not fit {units} units"
    for name, value in (("zeta", layer.zeta), ("nu", layer.nu)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 32767:
            return f"{name} {value!r} is outside 0..32767"
    return (
        _common(layer)
        or _factored(layer.input_factor, layer.input, size, units)
        or _factored(layer.recurrent_factor, layer.recurrent, units, units)
    )


def _factored(factor: Factor | None, matrix: Matvec, size: int, rows: int) -> str | None:
    if factor is None:
        return matvec_problem(matrix, size, rows)
    if not isinstance(factor.scale, Scale):
        return "a factor without a scale"
    if problem := power_problem("factor", factor.shift, MAX_STATE_SHIFT):
        return problem
    return matvec_problem(factor.matvec, size, matrix.columns) or matvec_problem(matrix, factor.matvec.rows, rows)
