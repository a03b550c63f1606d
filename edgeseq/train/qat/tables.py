"""The activation tables that layers look their values up in."""

from __future__ import annotations

from edgeseq.arith.activation import cell_argument, sigmoid_q15, tanh_q15
from edgeseq.arith.scale import preactivation_scale
from edgeseq.train.qat import ops

_ONE = 32768.0  # of a Q15 value


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
