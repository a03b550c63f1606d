"""What a cell or a Dense layer applies to requantised sums."""

from __future__ import annotations

import numpy as np

from edgeseq.arith.activation import cell_argument, sigmoid_q15, tanh_q15
from edgeseq.arith.piecewise import HARD_SLOPES, hard_sigmoid, hard_sigmoid_of_cell
from edgeseq.arith.product import multiply_q15, saturate_int16
from edgeseq.graph.layers import UNBOUNDED, CellFunction
from edgeseq.quantize.types import QuantRecurrent
from edgeseq.simulate.runners.base import Int


def apply(function: CellFunction, value: Int, preactivation_shift: int) -> Int:
    """Of a sum at the scale that `edgeseq.arith.scale.function_scale` gives. Twins: es_apply_* in es_functions.h."""
    match function:
        case "sigmoid":
            return sigmoid_q15(value << preactivation_shift)
        case "tanh":
            return tanh_q15(value << preactivation_shift)
        case "relu":
            return np.maximum(value, 0)
        case "linear":
            return value
        case _:
            return hard_sigmoid(value, preactivation_shift)


def candidate_in_state(function: CellFunction, value: Int, layer: QuantRecurrent) -> Int:
    """A candidate behind its function, in the state's steps. Twins: es_to_state, es_raise in es_functions.h."""
    if function in UNBOUNDED:
        return saturate_int16(value << (layer.candidate_shift - layer.state_shift))
    if layer.state_shift:
        # Half of it, then half as often as the state's steps are wider.
        return multiply_q15(value, np.full_like(value, 16384), layer.state_shift - 1)
    return value


def apply_to_cell(function: CellFunction, cell: Int, cell_shift: int) -> Int:
    """Of an LSTM cell in steps of 2**(cell_shift-15)."""
    match function:
        case "sigmoid":
            return sigmoid_q15(cell_argument(cell, cell_shift))
        case "tanh":
            return tanh_q15(cell_argument(cell, cell_shift))
        case "relu":
            return np.maximum(cell, 0)
        case "linear":
            return cell
        case _:
            return hard_sigmoid_of_cell(cell, cell_shift, HARD_SLOPES[function])
