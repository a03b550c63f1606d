"""Recurrent layers, step by step."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

import numpy as np

from edgeseq.arith.activation import cell_argument, sigmoid_q15, tanh_q15
from edgeseq.arith.product import multiply_q15, saturate_int16
from edgeseq.quantize.types import QuantGru, QuantLstm, QuantRecurrent, QuantSimpleRnn
from edgeseq.simulate.runners.base import Int, Products, Runner, as_operand

# Values of the input part that are worked out ahead: they should stay in the processor's cache.
_CHUNK_VALUES = 1 << 17

R = TypeVar("R", bound=QuantRecurrent)


class RecurrentRunner(Runner[R]):
    """Products of the input for many steps at once, then one step after another."""

    def __init__(self, layer: R, batch: int, zero_point: int | None) -> None:
        self.from_input, self.from_state = Products(layer.input), Products(layer.recurrent)
        super().__init__(layer, batch, zero_point)

    def reset(self) -> None:
        """Set all carried vectors to zero."""
        self.state = tuple(np.zeros((self.batch, self.layer.units), np.int32) for _ in range(self.layer.carried))

    def run(self, x: Int) -> Int:
        """Advance; the hidden states are the output."""
        batch, steps, _ = x.shape
        self._carried = tuple(np.empty((batch, steps, self.layer.units), np.int32) for _ in self.state)
        chunk = max(1, _CHUNK_VALUES // (batch * self.layer.input.rows))
        for start in range(0, steps, chunk):
            part = slice(start, start + chunk)
            from_input = self.from_input.doubled(self.operand(x[:, part], self.layer.operand))
            for t in range(from_input.shape[1]):
                self.state = self.step(from_input[:, t], *self.state)
                for kept, value in zip(self._carried, self.state, strict=True):
                    kept[:, start + t] = value
        return self._carried[0]

    def carried(self) -> tuple[Int, ...]:
        """Hidden state, then what else the cell carries."""
        return self._carried

    def restore(self, carried: Int) -> Int:
        """Hidden state, then what else the cell carries."""
        width = self.layer.units
        count = len(self.state)
        self.state = tuple(carried[:, at * width : (at + 1) * width] for at in range(count))
        return carried[:, count * width :]

    @abstractmethod
    def step(self, from_input: Int, *state: Int) -> tuple[Int, ...]:
        """One step from the requantised input part (batch, gates * units) and the carried vectors (batch, units)."""

    def view(self, value: Int) -> Int:
        """A Q15 tensor as this layer's products read it."""
        return as_operand(value, self.layer.operand)


class GruRunner(RecurrentRunner[QuantGru]):
    """Twin: es_gru_step.h, es_gru_reset_before_step.h."""

    def step(self, from_input: Int, *state: Int) -> tuple[Int, ...]:
        """Update, reset, candidate."""
        (h,) = state
        units, shift = self.layer.units, self.layer.preactivation_shift
        from_state = self.from_state.doubled(self.view(h))
        gates = sigmoid_q15(saturate_int16(from_input[:, : 2 * units] + from_state[:, : 2 * units]) << shift)
        z, r = gates[:, :units], gates[:, units:]
        if self.layer.reset_after:
            candidate_from_state = multiply_q15(r, from_state[:, 2 * units :])
        else:
            candidate_from_state = self.from_state.doubled(self.view(multiply_q15(r, h)))[:, 2 * units :]
        total = saturate_int16(from_input[:, 2 * units :] + candidate_from_state)
        candidate = tanh_q15(total << shift)
        # z*h + (c - z*c): 1 - z is never formed, since it does not fit Q15 at z = 0.
        rest = saturate_int16(candidate - multiply_q15(z, candidate))
        return (saturate_int16(multiply_q15(z, h) + rest),)


class LstmRunner(RecurrentRunner[QuantLstm]):
    """Twin: es_lstm_step.h."""

    def step(self, from_input: Int, *state: Int) -> tuple[Int, ...]:
        """Hidden, cell."""
        h, c = state
        units, shift = self.layer.units, self.layer.preactivation_shift
        total = saturate_int16(from_input + self.from_state.doubled(self.view(h))) << shift
        i, f = sigmoid_q15(total[:, :units]), sigmoid_q15(total[:, units : 2 * units])
        g, o = tanh_q15(total[:, 2 * units : 3 * units]), sigmoid_q15(total[:, 3 * units :])
        cell = saturate_int16(multiply_q15(f, c) + multiply_q15(i, g, self.layer.cell_shift))
        return multiply_q15(o, tanh_q15(cell_argument(cell, self.layer.cell_shift))), cell


class SimpleRnnRunner(RecurrentRunner[QuantSimpleRnn]):
    """Twin: es_simple_rnn_step.h."""

    def step(self, from_input: Int, *state: Int) -> tuple[Int, ...]:
        """Hidden."""
        (h,) = state
        total = saturate_int16(from_input + self.from_state.doubled(self.view(h)))
        return (tanh_q15(total << self.layer.preactivation_shift),)
