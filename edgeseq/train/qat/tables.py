"""The functions of cells: tables that layers look their values up in, and functions of straight pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from edgeseq.arith.activation import cell_argument, sigmoid_q15, tanh_q15
from edgeseq.arith.piecewise import HARD_SLOPES, hard_sigmoid_of_cell
from edgeseq.arith.scale import preactivation_scale
from edgeseq.train.qat import ops

_ONE = 32768.0  # of a Q15 value

# int16-valued tensor -> the same
Function = Callable[[Any], Any]
_UNBOUNDED: dict[str, Function] = {"relu": tf.nn.relu, "linear": tf.identity}


def sigmoid_table(shift: int) -> ops.Table:
    """Pre-activation -> Q15."""
    step = preactivation_scale(shift).value
    return ops.Table(lambda v: sigmoid_q15(v << shift), lambda y: y * (1.0 - y / _ONE) * step)


def tanh_table(shift: int) -> ops.Table:
    """Pre-activation -> Q15."""
    step = preactivation_scale(shift).value
    return ops.Table(lambda v: tanh_q15(v << shift), lambda y: (_ONE - y * y / _ONE) * step)


def cell_tanh_table(cell_shift: int) -> ops.Table:
    """LSTM cell in steps of 2**(cell_shift - 15) -> Q15."""
    step = 2.0 ** (cell_shift - 15)
    return ops.Table(lambda c: tanh_q15(cell_argument(c, cell_shift)), lambda y: (_ONE - y * y / _ONE) * step)


def function(name: str, shift: int) -> Function:
    """Twin of `simulate.runners.functions.apply`; shift: of the pre-activation."""
    match name:
        case "sigmoid":
            return sigmoid_table(shift)
        case "tanh":
            return tanh_table(shift)
        case "hard_sigmoid":
            return lambda v: _hard(v * 2.0 ** (shift - 1))
        case _:
            return _UNBOUNDED[name]


def function_of_cell(name: str, cell_shift: int) -> Function:
    """Twin of `simulate.runners.functions.apply_to_cell`."""
    step = 2.0 ** (cell_shift - 15)
    match name:
        case "sigmoid":
            return ops.Table(lambda c: sigmoid_q15(cell_argument(c, cell_shift)), lambda y: y * (1.0 - y / _ONE) * step)
        case "tanh":
            return cell_tanh_table(cell_shift)
        case "hard_sigmoid":
            slope = HARD_SLOPES["hard_sigmoid"]

            def slope_at(y: Any) -> Any:
                return tf.cast((y > 0.0) & (y < _ONE - 1.0), y.dtype) * (slope * 2.0 ** (cell_shift - 17))

            return ops.Table(lambda c: hard_sigmoid_of_cell(c, cell_shift, slope), slope_at)
        case _:
            return _UNBOUNDED[name]


def _hard(value: Any) -> Any:
    """Twin of `arith.piecewise.hard_sigmoid`, whose slope is 1 in these steps: exact, since values stay below 2**24."""
    return tf.clip_by_value(value + 16384.0, 0.0, _ONE - 1.0)
