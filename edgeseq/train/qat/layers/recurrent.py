"""Recurrent layers that compute with the integers of `edgeseq.simulate`, and can be trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from edgeseq.arith.matmul import SCHEME_PARTS, MatmulInput, Scheme, doubled_input, int16_operand
from edgeseq.arith.scale import RowScales, Scale, power_of_two
from edgeseq.train.qat import ops
from edgeseq.train.qat.cells import CANDIDATE_FUNCTIONS, GATE_FUNCTIONS, UNBOUNDED, Blocks, blocks
from edgeseq.train.qat.layers.base import PACKAGE, QatLayer, QatMatrix, Rounding
from edgeseq.train.qat.recurrence import Recurrence
from edgeseq.train.qat.tables import function, function_of_cell


class QatRecurrent(QatLayer):
    """What all cells share: scales, windows, masks.

    scheme: of this layer. preactivation_shift: see `arith.scale.preactivation_scale`. The state is in steps of
    2**(state_shift - 15), a relu or linear candidate in those of 2**(candidate_shift - 15).
    """

    carried: ClassVar[int] = 1
    # `edgeseq.train.build.with_mask` gives it one.
    reads_mask: ClassVar[bool] = True

    def __init__(
        self,
        units: int,
        scheme: Scheme,
        preactivation_shift: int,
        *,
        state_shift: int = 0,
        candidate_shift: int = 0,
        return_sequences: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.require(scheme in SCHEME_PARTS, f"unknown scheme {scheme!r}; available: {', '.join(SCHEME_PARTS)}")
        self.units, self.scheme, self.preactivation_shift = units, scheme, preactivation_shift
        self.state_shift, self.candidate_shift = state_shift, candidate_shift
        self.return_sequences = return_sequences
        self.operand, self.bits = SCHEME_PARTS[scheme]
        self.state_scale = power_of_two(state_shift)
        self.x_enters = doubled_input(self.in_scale, self.operand, self.code_dtype, self.zero_point)
        self.h_enters = int16_operand(self.state_scale, self.operand)
        self.supports_masking = True
        self._recurrence = Recurrence(self.project, self.step, units, self.carried)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "scheme": self.scheme,
            "preactivation_shift": self.preactivation_shift,
            "state_shift": self.state_shift,
            "candidate_shift": self.candidate_shift,
            "return_sequences": self.return_sequences,
        }

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, time, units), or (batch, units)."""
        batch, steps, _ = input_shape
        return (batch, steps, self.units) if self.return_sequences else (batch, self.units)

    def carried_integers(self, inputs: Any, mask: Any = None) -> tuple[Any, ...]:
        """Return all that the layer carries, (batch, time, units) each, as integers in float32.

        inputs: real values; mask: (batch, time) bool, steps where it is False change nothing.
        """
        return self._recurrence(self.integers(inputs), *self.rounded(), mask)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the hidden states in real units; inputs: (batch, time, inputs) real values."""
        hidden = self.carried_integers(inputs, mask)[0] * self.state_scale.value
        return hidden if self.return_sequences else hidden[:, -1]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Of the outputs: the last state of a window has none."""
        return previous_mask if self.return_sequences else None

    def rounded(self) -> tuple[Sequence[Any], Sequence[Any], Any]:
        """Return what `project` and what `step` reads, with a gradient, and the row factors that both read."""
        raise NotImplementedError

    def operand_of(self, x: Any) -> Any:
        """The layer's input as products read it: codes less their zero point, or part of an int16 tensor."""
        return x if self.code_dtype else ops.as_operand(x, self.operand)

    def project(self, x: Any, weights: Sequence[Any], factors: Any) -> Any:
        """The requantised input part of all steps."""
        raise NotImplementedError

    def step(self, from_input: Any, state: Sequence[Any], weights: Sequence[Any], factors: Any) -> Sequence[Any]:
        """Twin of the layer's runner in `edgeseq.simulate`; all arguments are integers but the factors."""
        raise NotImplementedError


def doubled_products(value: Any, weights: Sequence[Any], entering: MatmulInput, factor: Any) -> Any:
    """Twin of `simulate.runners.base.Products.doubled`; weights: codes and bias."""
    return ops.requantize(2.0 * ops.products(value, weights[0], entering.span // 2) + weights[1], factor)


class QatPair(QatRecurrent):
    """A cell of two matrices. Weights: kernel (inputs, gates * units), recurrent kernel, bias, then the row factors of both.

    bias: (gates * units,), all that is added to input and recurrent part together.
    """

    kind: ClassVar[str]
    activation: str = "tanh"
    recurrent_activation: str = "sigmoid"

    @property
    def blocks(self) -> Blocks:
        """The row blocks of both matrices."""
        return blocks(self.kind, self.activation, self.recurrent_activation)

    @property
    def out_scale(self) -> Scale | RowScales:
        """Of the requantised rows."""
        return self.blocks.scales(self.preactivation_shift, self.rows_shift, self.units)

    @property
    def rows_shift(self) -> int:
        """N of the steps of 2**(n-15) of an unbounded candidate's rows."""
        return self.candidate_shift

    def build(self, input_shape: Any) -> None:
        """Add the weights."""
        self.functions = tuple(function(name, self.preactivation_shift) for name in self.blocks.functions)
        rows = len(self.functions) * self.units
        self.input_matrix = QatMatrix(self, "kernel", rows, int(input_shape[-1]), self.bits)
        self.recurrent_matrix = QatMatrix(self, "recurrent_kernel", rows, self.units, self.bits)
        self.bias = self.add_weight(name="bias", shape=(rows,), initializer="zeros")
        self.built = True

    def recurrent_bias(self) -> Any:
        """Real bias (gates * units,) of the recurrent part alone: none, unless a cell has one."""
        return tf.zeros(len(self.blocks.functions) * self.units)

    def roundings(self) -> list[Rounding]:
        """Input, recurrent."""
        return [
            Rounding(self.input_matrix, tf.convert_to_tensor(self.bias), self.x_enters, self.out_scale),
            Rounding(self.recurrent_matrix, self.recurrent_bias(), self.h_enters, self.out_scale),
        ]

    def rounded(self) -> tuple[Sequence[Any], Sequence[Any], Any]:
        """Codes and bias of each matrix."""
        of_input, of_state = (each.matrix.rounded(*each[1:]) for each in self.roundings())
        return of_input, of_state, (self.input_matrix.factor(), self.recurrent_matrix.factor())

    def project(self, x: Any, weights: Sequence[Any], factors: Any) -> Any:
        """Of all rows."""
        return doubled_products(self.operand_of(x), weights, self.x_enters, factors[0])

    def from_state(self, h: Any, weights: Sequence[Any], factors: Any, rows: slice = slice(None)) -> Any:
        """The requantised recurrent part of one step, of some rows."""
        some = (weights[0][:, rows], weights[1][rows])
        return doubled_products(ops.as_operand(h, self.operand), some, self.h_enters, factors[1][rows])

    def in_state(self, candidate: Any) -> Any:
        """Twin of `simulate.runners.functions.candidate_in_state`, of cells whose gates are bounded."""
        if not self.blocks.unbounded_candidate:
            return candidate
        return ops.saturate(candidate * 2.0 ** (self.candidate_shift - self.state_shift))


class QatGated(QatPair):
    """A cell whose functions may be chosen."""

    def __init__(self, *args: Any, activation: str = "tanh", recurrent_activation: str = "sigmoid", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.require_one_of("activation", activation, CANDIDATE_FUNCTIONS)
        self.require_one_of("recurrent_activation", recurrent_activation, GATE_FUNCTIONS)
        self.activation, self.recurrent_activation = activation, recurrent_activation

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "activation": self.activation, "recurrent_activation": self.recurrent_activation}


@keras.saving.register_keras_serializable(PACKAGE)
class QatGRU(QatGated):
    """Gate order z, r, candidate. With reset_after, candidate_bias (units,) is what r multiplies together with ``U h``."""

    kind: ClassVar[str] = "GRU"

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
        gates, rest = slice(None, 2 * units), slice(2 * units, None)
        gate, _, function = self.functions
        if self.reset_after:
            recurrent = self.from_state(h, weights, factors)
            both = gate(ops.saturate(from_input[:, gates] + recurrent[:, gates]))
            z, r = both[:, :units], both[:, units:]
            candidate_from_state = ops.multiply_q15(r, recurrent[:, rest])
        else:
            both = gate(ops.saturate(from_input[:, gates] + self.from_state(h, weights, factors, gates)))
            z, r = both[:, :units], both[:, units:]
            candidate_from_state = self.from_state(ops.multiply_q15(r, h), weights, factors, rest)
        candidate = self.in_state(function(ops.saturate(from_input[:, rest] + candidate_from_state)))
        kept = ops.saturate(candidate - ops.multiply_q15(z, candidate))
        return (ops.saturate(ops.multiply_q15(z, h) + kept),)


@keras.saving.register_keras_serializable(PACKAGE)
class QatLSTM(QatGated):
    """Gate order input, forget, candidate, output. Cell in steps of 2**(cell_shift - 15), and an unbounded candidate too."""

    kind: ClassVar[str] = "LSTM"
    carried: ClassVar[int] = 2

    def __init__(self, units: int, *args: Any, cell_shift: int, **kwargs: Any) -> None:
        super().__init__(units, *args, **kwargs)
        self.cell_shift = cell_shift
        self.function_of_cell = function_of_cell(self.activation, cell_shift)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "cell_shift": self.cell_shift}

    @property
    def rows_shift(self) -> int:
        """The cell's."""
        return self.cell_shift

    def step(self, from_input: Any, state: Sequence[Any], weights: Sequence[Any], factors: Any) -> Sequence[Any]:
        """Hidden, cell."""
        (h, c), units = state, self.units
        total = ops.saturate(from_input + self.from_state(h, weights, factors))
        i, f, g, o = (apply(total[:, at * units : (at + 1) * units]) for at, apply in enumerate(self.functions))
        # An unbounded candidate, and what becomes of the cell, are in the cell's steps already.
        into_cell, into_state = (0, self.state_shift - self.cell_shift) if self.activation in UNBOUNDED else (self.cell_shift, 0)
        cell = ops.saturate(ops.multiply_q15(f, c) + ops.multiply_q15(i, g, into_cell))
        return ops.multiply_q15(o, self.function_of_cell(cell), into_state), cell


@keras.saving.register_keras_serializable(PACKAGE)
class QatSimpleRNN(QatPair):
    """``h = activation(W x + U h + b)``."""

    kind: ClassVar[str] = "SimpleRNN"

    def __init__(self, *args: Any, activation: str = "tanh", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.require_one_of("activation", activation, CANDIDATE_FUNCTIONS)
        self.activation = activation

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "activation": self.activation}

    def step(self, from_input: Any, state: Sequence[Any], weights: Sequence[Any], factors: Any) -> Sequence[Any]:
        """Hidden."""
        total = ops.saturate(from_input + self.from_state(state[0], weights, factors))
        return (self.in_state(self.functions[0](total)),)
