"""GRU, LSTM, SimpleRNN and MGU, step by step."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

import numpy as np

from edgeseq.arith.product import multiply_q15, saturate_int16
from edgeseq.quantize.types import QuantGru, QuantLstm, QuantMgu, QuantPair, QuantRecurrent, QuantSimpleRnn
from edgeseq.simulate.runners.base import Int, Products, Runner, as_operand
from edgeseq.simulate.runners.functions import apply, apply_to_cell, candidate_in_state

# Values of the input part that are worked out ahead: they should stay in the processor's cache.
_CHUNK_VALUES = 1 << 17

R = TypeVar("R", bound=QuantRecurrent)
P = TypeVar("P", bound=QuantPair)


class RecurrentRunner(Runner[R]):
    """Products of the input for many steps at once, then one step after another."""

    def reset(self) -> None:
        """Set all carried vectors to zero."""
        self.state = tuple(np.zeros((self.batch, self.layer.units), np.int32) for _ in range(self.layer.carried))

    def run(self, x: Int) -> Int:
        """Advance; the hidden states are the output."""
        batch, steps, _ = x.shape
        self._carried = tuple(np.empty((batch, steps, self.layer.units), np.int32) for _ in self.state)
        chunk = max(1, _CHUNK_VALUES // (batch * (self.layer.gates * self.layer.units)))
        for start in range(0, steps, chunk):
            part = slice(start, start + chunk)
            from_input = self.input_part(self.operand(x[:, part], self.layer.operand))
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
    def input_part(self, x: Int) -> Int:
        """Requantised products of the operand (batch, time, inputs)."""

    @abstractmethod
    def step(self, from_input: Int, *state: Int) -> tuple[Int, ...]:
        """One step from the requantised input part (batch, gates * units) and the carried vectors (batch, units)."""

    def view(self, value: Int) -> Int:
        """An int16 tensor as this layer's products read it."""
        return as_operand(value, self.layer.operand)


class PairRunner(RecurrentRunner[P]):
    """A cell of two matrices."""

    def __init__(self, layer: P, batch: int, zero_point: int | None) -> None:
        self.from_input, self.from_state = Products(layer.input), Products(layer.recurrent)
        super().__init__(layer, batch, zero_point)

    def input_part(self, x: Int) -> Int:
        """Of all rows."""
        return self.from_input.doubled(x)


class GruRunner(PairRunner[QuantGru]):
    """Twin: es_gru_step.h, es_gru_before_step.h."""

    def step(self, from_input: Int, *state: Int) -> tuple[Int, ...]:
        """Update, reset, candidate."""
        (h,) = state
        layer, units, shift, finer = self.layer, self.layer.units, self.layer.preactivation_shift, -self.layer.gate_shift
        from_state = self.from_state.doubled(self.view(h))
        gates = apply(layer.recurrent_activation, saturate_int16(from_input[:, : 2 * units] + from_state[:, : 2 * units]), shift)
        z, r = gates[:, :units], gates[:, units:]
        if layer.reset_after:
            candidate_from_state = multiply_q15(r, from_state[:, 2 * units :], finer)
        else:
            candidate_from_state = self.from_state.doubled(self.view(multiply_q15(r, h, finer)))[:, 2 * units :]
        total = saturate_int16(from_input[:, 2 * units :] + candidate_from_state)
        candidate = candidate_in_state(layer.activation, apply(layer.activation, total, shift), layer)
        # z*h + (c - z*c): 1 - z is never formed, since it does not fit Q15 at z = 0.
        rest = saturate_int16(candidate - multiply_q15(z, candidate, finer))
        return (saturate_int16(multiply_q15(z, h, finer) + rest),)


class LstmRunner(PairRunner[QuantLstm]):
    """Twin: es_lstm_step.h."""

    def step(self, from_input: Int, *state: Int) -> tuple[Int, ...]:
        """Hidden, cell."""
        h, c = state
        layer, units = self.layer, self.layer.units
        total = saturate_int16(from_input + self.from_state.doubled(self.view(h)))
        i, f, g, o = (
            apply(function, total[:, at * units : (at + 1) * units], layer.preactivation_shift)
            for at, function in enumerate(layer.functions)
        )
        cell = saturate_int16(multiply_q15(f, c, -layer.gate_shift) + multiply_q15(i, g, layer.added_shift - 15))
        return multiply_q15(o, apply_to_cell(layer.activation, cell, layer.cell_shift), layer.hidden_shift - 15), cell


class SimpleRnnRunner(PairRunner[QuantSimpleRnn]):
    """Twin: es_simple_rnn_step.h."""

    def step(self, from_input: Int, *state: Int) -> tuple[Int, ...]:
        """Hidden."""
        (h,) = state
        total = saturate_int16(from_input + self.from_state.doubled(self.view(h)))
        result = apply(self.layer.activation, total, self.layer.preactivation_shift)
        return (candidate_in_state(self.layer.activation, result, self.layer),)


class MguRunner(PairRunner[QuantMgu]):
    """Twin: es_mgu_step.h."""

    def step(self, from_input: Int, *state: Int) -> tuple[Int, ...]:
        """Gate, candidate."""
        (h,) = state
        units, shift = self.layer.units, self.layer.preactivation_shift
        from_state = self.from_state.doubled(self.view(h))[:, :units]
        f = apply("sigmoid", saturate_int16(from_input[:, :units] + from_state), shift)
        kept = multiply_q15(f, h)
        from_state = self.from_state.doubled(self.view(kept))[:, units:]
        c = apply("tanh", saturate_int16(from_input[:, units:] + from_state), shift)
        return (saturate_int16(saturate_int16(h - kept) + multiply_q15(f, c)),)
