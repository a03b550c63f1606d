"""Recurrent layers that compute with the integers of `edgeseq.simulate`, and can be trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from edgeseq.arith.matmul import SCHEME_PARTS, Scheme, doubled_input, int16_operand
from edgeseq.arith.scale import Q15, preactivation_scale
from edgeseq.train.qat import ops
from edgeseq.train.qat.layers.base import PACKAGE, QatLayer, QatMatrix
from edgeseq.train.qat.recurrence import Recurrence
from edgeseq.train.qat.tables import cell_tanh_table, sigmoid_table, tanh_table


class QatRecurrent(QatLayer):
    """What the cells share. Weights: kernel (inputs, gates * units), recurrent kernel, bias, then the row factors of both.

    bias: (gates * units,), all that is added to input and recurrent part together.
    scheme: of this layer. preactivation_shift: see `arith.scale.preactivation_scale`.
    """

    gates: ClassVar[int]
    carried: ClassVar[int] = 1

    def __init__(
        self, units: int, scheme: Scheme, preactivation_shift: int, *, return_sequences: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.require(scheme in SCHEME_PARTS, f"unknown scheme {scheme!r}; available: {', '.join(SCHEME_PARTS)}")
        self.units, self.scheme, self.preactivation_shift = units, scheme, preactivation_shift
        self.return_sequences = return_sequences
        self.operand, self.bits = SCHEME_PARTS[scheme]
        self.out_scale = preactivation_scale(preactivation_shift)
        self.x_enters = doubled_input(self.in_scale, self.operand, self.code_dtype, self.zero_point)
        self.h_enters = int16_operand(Q15, self.operand)
        self.sigmoid, self.tanh = sigmoid_table(preactivation_shift), tanh_table(preactivation_shift)
        self._recurrence = Recurrence(self.project, self.step, units, self.carried)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "scheme": self.scheme,
            "preactivation_shift": self.preactivation_shift,
            "return_sequences": self.return_sequences,
        }

    def build(self, input_shape: Any) -> None:
        """Add the weights."""
        rows = self.gates * self.units
        self.input_matrix = QatMatrix(self, "kernel", rows, int(input_shape[-1]), self.bits)
        self.recurrent_matrix = QatMatrix(self, "recurrent_kernel", rows, self.units, self.bits)
        self.bias = self.add_weight(name="bias", shape=(rows,), initializer="zeros")
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, time, units), or (batch, units)."""
        batch, steps, _ = input_shape
        return (batch, steps, self.units) if self.return_sequences else (batch, self.units)

    def recurrent_bias(self) -> Any:
        """Real bias (gates * units,) of the recurrent part alone: none, unless a cell has one."""
        return tf.zeros(self.gates * self.units)

    def carried_integers(self, inputs: Any) -> tuple[Any, ...]:
        """Return all that the layer carries, (batch, time, units) each, as integers in float32; inputs: real values."""
        codes, bias = self.input_matrix.rounded(tf.convert_to_tensor(self.bias), self.x_enters, self.out_scale)
        state_codes, state_bias = self.recurrent_matrix.rounded(self.recurrent_bias(), self.h_enters, self.out_scale)
        factors = (self.input_matrix.factor(), self.recurrent_matrix.factor())
        return self._recurrence(self.integers(inputs), (codes, bias), (state_codes, state_bias), factors)

    def call(self, inputs: Any) -> Any:
        """Return the hidden states in real units; inputs: (batch, time, inputs) real values."""
        hidden = self.carried_integers(inputs)[0] * Q15.value
        return hidden if self.return_sequences else hidden[:, -1]

    def project(self, x: Any, weights: Sequence[Any], factors: Any) -> Any:
        """The requantised input part of all steps."""
        value = x if self.code_dtype else ops.as_operand(x, self.operand)
        span = self.x_enters.span // 2
        return ops.requantize(2.0 * ops.products(value, weights[0], span) + weights[1], factors[0])

    def from_state(self, h: Any, weights: Sequence[Any], factors: Any) -> Any:
        """The requantised recurrent part of one step, from a Q15 tensor."""
        acc = 2.0 * ops.products(ops.as_operand(h, self.operand), weights[0], self.h_enters.span // 2) + weights[1]
        return ops.requantize(acc, factors[1])

    def step(self, from_input: Any, state: Sequence[Any], weights: Sequence[Any], factors: Any) -> Sequence[Any]:
        """Twin of the layer's runner in `edgeseq.simulate`; all arguments are integers but the factors."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(PACKAGE)
class QatGRU(QatRecurrent):
    """Gate order z, r, candidate. With reset_after, candidate_bias (units,) is what r multiplies together with ``U h``."""

    gates: ClassVar[int] = 3

    def __init__(self, units: int, *args: Any, reset_after: bool = True, **kwargs: Any) -> None:
        super().__init__(units, *args, **kwargs)
        self.reset_after = reset_after

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "reset_after": self.reset_after}

    def build(self, input_shape: Any) -> None:
        """Add the weights."""
        super().build(input_shape)
        if self.reset_after:
            self.candidate_bias = self.add_weight(name="candidate_bias", shape=(self.units,), initializer="zeros")

    def recurrent_bias(self) -> Any:
        """That of the candidate, if it stays apart."""
        if not self.reset_after:
            return super().recurrent_bias()
        return tf.concat([tf.zeros(2 * self.units), tf.convert_to_tensor(self.candidate_bias)], axis=0)

    def step(self, from_input: Any, state: Sequence[Any], weights: Sequence[Any], factors: Any) -> Sequence[Any]:
        """Update, reset, candidate."""
        (h,), units = state, self.units
        if self.reset_after:
            recurrent = self.from_state(h, weights, factors)
            gates = self.sigmoid(ops.saturate(from_input[:, : 2 * units] + recurrent[:, : 2 * units]))
            z, r = gates[:, :units], gates[:, units:]
            candidate_from_state = ops.multiply_q15(r, recurrent[:, 2 * units :])
        else:
            part = slice(None, 2 * units)
            gates = self.sigmoid(ops.saturate(from_input[:, part] + self.from_state(h, *_rows(weights, factors, part))))
            z, r = gates[:, :units], gates[:, units:]
            part = slice(2 * units, None)
            candidate_from_state = self.from_state(ops.multiply_q15(r, h), *_rows(weights, factors, part))
        candidate = self.tanh(ops.saturate(from_input[:, 2 * units :] + candidate_from_state))
        rest = ops.saturate(candidate - ops.multiply_q15(z, candidate))
        return (ops.saturate(ops.multiply_q15(z, h) + rest),)


def _rows(weights: Sequence[Any], factors: Any, part: slice) -> tuple[Sequence[Any], Any]:
    """Some rows of the recurrent matrix."""
    return (weights[0][:, part], weights[1][part]), (factors[0], factors[1][part])


@keras.saving.register_keras_serializable(PACKAGE)
class QatLSTM(QatRecurrent):
    """Gate order input, forget, candidate, output. Cell in steps of 2**(cell_shift - 15)."""

    gates: ClassVar[int] = 4
    carried: ClassVar[int] = 2

    def __init__(self, units: int, *args: Any, cell_shift: int, **kwargs: Any) -> None:
        super().__init__(units, *args, **kwargs)
        self.cell_shift = cell_shift
        self.cell_tanh = cell_tanh_table(cell_shift)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "cell_shift": self.cell_shift}

    def step(self, from_input: Any, state: Sequence[Any], weights: Sequence[Any], factors: Any) -> Sequence[Any]:
        """Hidden, cell."""
        (h, c), units = state, self.units
        total = ops.saturate(from_input + self.from_state(h, weights, factors))
        i, f = self.sigmoid(total[:, :units]), self.sigmoid(total[:, units : 2 * units])
        g, o = self.tanh(total[:, 2 * units : 3 * units]), self.sigmoid(total[:, 3 * units :])
        cell = ops.saturate(ops.multiply_q15(f, c) + ops.multiply_q15(i, g, self.cell_shift))
        return ops.multiply_q15(o, self.cell_tanh(cell)), cell


@keras.saving.register_keras_serializable(PACKAGE)
class QatSimpleRNN(QatRecurrent):
    """``h = tanh(W x + U h + b)``."""

    gates: ClassVar[int] = 1

    def step(self, from_input: Any, state: Sequence[Any], weights: Sequence[Any], factors: Any) -> Sequence[Any]:
        """Hidden."""
        return (self.tanh(ops.saturate(from_input + self.from_state(state[0], weights, factors))),)
