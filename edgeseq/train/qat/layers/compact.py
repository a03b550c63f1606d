"""MGU, minGRU and FastGRNN that compute with the integers of `edgeseq.simulate`, and can be trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import keras
import tensorflow as tf

from edgeseq.arith.matmul import MatmulInput, int16_operand
from edgeseq.arith.scale import MIN_PREACTIVATION_SHIFT, Scale, preactivation_scale
from edgeseq.train.qat import ops
from edgeseq.train.qat.cells import blocks
from edgeseq.train.qat.layers.base import PACKAGE, QatMatrix, Rounding
from edgeseq.train.qat.layers.recurrent import QatPair, QatRecurrent, doubled_products
from edgeseq.train.qat.tables import sigmoid_table, tanh_table


@keras.saving.register_keras_serializable(PACKAGE)
class QatMGU(QatPair):
    """Gate order f, candidate, whose recurrent part reads f * h."""

    kind: ClassVar[str] = "MGU"

    def step(self, from_input: Any, state: Sequence[Any], weights: Sequence[Any], factors: Any) -> Sequence[Any]:
        """Gate, candidate."""
        (h,), units = state, self.units
        gate, candidate = slice(None, units), slice(units, None)
        sigmoid, tanh = self.functions
        f = sigmoid(ops.saturate(from_input[:, gate] + self.from_state(h, weights, factors, gate)))
        kept = ops.multiply_q15(f, h)
        c = tanh(ops.saturate(from_input[:, candidate] + self.from_state(kept, weights, factors, candidate)))
        return (ops.saturate(ops.saturate(h - kept) + ops.multiply_q15(f, c)),)


@keras.saving.register_keras_serializable(PACKAGE)
class QatMinGRU(QatRecurrent):
    """Gate order z, candidate. Weights: kernel (inputs, 2 * units), bias, row factors."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.out_scale = blocks("MinGRU").scales(self.preactivation_shift, self.candidate_shift, self.units)
        self.sigmoid = sigmoid_table(self.preactivation_shift)

    def build(self, input_shape: Any) -> None:
        """Add the weights."""
        self.input_matrix = QatMatrix(self, "kernel", 2 * self.units, int(input_shape[-1]), self.bits)
        self.bias = self.add_weight(name="bias", shape=(2 * self.units,), initializer="zeros")
        self.built = True

    def roundings(self) -> list[Rounding]:
        """The one matrix."""
        return [Rounding(self.input_matrix, tf.convert_to_tensor(self.bias), self.x_enters, self.out_scale)]

    def rounded(self) -> tuple[Sequence[Any], Sequence[Any], Any]:
        """No matrix reads the state."""
        (only,) = self.roundings()
        return only.matrix.rounded(*only[1:]), (), self.input_matrix.factor()

    def project(self, x: Any, weights: Sequence[Any], factors: Any) -> Any:
        """Of all rows."""
        return doubled_products(self.operand_of(x), weights, self.x_enters, factors)

    def step(self, from_input: Any, state: Sequence[Any], weights: Sequence[Any], factors: Any) -> Sequence[Any]:
        """Gate, candidate."""
        (h,), units = state, self.units
        z = self.sigmoid(from_input[:, :units])
        candidate = ops.saturate(from_input[:, units:] * 2.0 ** (self.candidate_shift - self.state_shift))
        rest = ops.saturate(h - ops.multiply_q15(z, h))
        return (ops.saturate(rest + ops.multiply_q15(z, candidate)),)


class FactorSettings(NamedTuple):
    """First of two factors of a matrix. scale, shift: of its result, see `quantize.types.Factor`."""

    rank: int
    scale: Scale
    shift: int

    @property
    def requantised_to(self) -> Scale:
        """What the rows are requantised to, before the left shift."""
        return self.scale.times_power_of_two(self.shift)

    def as_config(self) -> dict[str, Any]:
        """As a layer's configuration holds it."""
        return {"rank": self.rank, "scale": [self.scale.mantissa, self.scale.exponent], "shift": self.shift}

    @classmethod
    def of(cls, config: dict[str, Any] | None) -> FactorSettings | None:
        """Return what as_config wrote; None stays None."""
        return cls(config["rank"], Scale(*config["scale"]), config["shift"]) if config else None


class _Product:
    """A matrix, or the two factors of one, between an int16 tensor and the sum."""

    def __init__(
        self, layer: QatRecurrent, name: str, columns: int, entering: MatmulInput, factor: FactorSettings | None
    ) -> None:
        self._factor, self._operand, self._entering, self._out = factor, layer.operand, entering, _sum_scale(layer)
        self._reads = int16_operand(factor.scale, layer.operand) if factor else entering
        self.matrices = []
        if factor:
            self.matrices.append(QatMatrix(layer, f"{name}_1", factor.rank, columns, layer.bits))
        last = f"{name}_2" if factor else name
        self.matrices.append(QatMatrix(layer, last, layer.units, factor.rank if factor else columns, layer.bits))

    def roundings(self, bias: Any) -> list[Rounding]:
        """Of all matrices; bias: of the last."""
        last = Rounding(self.matrices[-1], bias, self._reads, self._out)
        if self._factor is None:
            return [last]
        scale = self._factor.requantised_to
        return [Rounding(self.matrices[0], tf.zeros(self._factor.rank), self._entering, scale), last]

    def rounded(self, bias: Any) -> list[Any]:
        """Codes and bias, one matrix after the other."""
        return [value for each in self.roundings(bias) for value in each.matrix.rounded(*each[1:])]

    def factors(self) -> tuple[Any, ...]:
        """Row factors of all matrices."""
        return tuple(matrix.factor() for matrix in self.matrices)

    def __call__(self, operand: Any, weights: Sequence[Any], factors: Any) -> Any:
        """The requantised part of the sum."""
        if self._factor is not None:
            first = doubled_products(operand, weights[:2], self._entering, factors[0])
            operand = ops.as_operand(ops.saturate(first * 2.0**self._factor.shift), self._operand)
        return doubled_products(operand, weights[-2:], self._reads, factors[-1])


def _sum_scale(layer: QatRecurrent) -> Scale:
    return preactivation_scale(layer.preactivation_shift)


@keras.saving.register_keras_serializable(PACKAGE)
class QatFastGRNN(QatRecurrent):
    """One sum for gate and candidate. input_factor, recurrent_factor: of matrices of low rank, as FactorSettings.as_config.

    Weights: kernel or its two factors, recurrent kernel likewise, bias (2, units) of gate and candidate, zeta_raw and
    nu_raw, whose integer sigmoids are zeta and nu; then the row factors of each matrix.
    """

    def __init__(
        self,
        *args: Any,
        input_factor: dict[str, Any] | None = None,
        recurrent_factor: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.input_factor, self.recurrent_factor = FactorSettings.of(input_factor), FactorSettings.of(recurrent_factor)
        self.sigmoid, self.tanh = sigmoid_table(self.preactivation_shift), tanh_table(self.preactivation_shift)
        self._share = sigmoid_table(MIN_PREACTIVATION_SHIFT)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        factors = {"input_factor": self.input_factor, "recurrent_factor": self.recurrent_factor}
        return {**super().get_config(), **{key: factor and factor.as_config() for key, factor in factors.items()}}

    def build(self, input_shape: Any) -> None:
        """Add the weights."""
        self.from_x = _Product(self, "kernel", int(input_shape[-1]), self.x_enters, self.input_factor)
        self.from_h = _Product(self, "recurrent_kernel", self.units, self.h_enters, self.recurrent_factor)
        self.bias = self.add_weight(name="bias", shape=(2, self.units), initializer="ones")
        self.zeta_raw = self.add_weight(name="zeta_raw", shape=(1,), initializer="ones")
        self.nu_raw = self.add_weight(name="nu_raw", shape=(1,), initializer=keras.initializers.Constant(-4.0))
        self.built = True

    def roundings(self) -> list[Rounding]:
        """Input matrices, recurrent matrices."""
        bias = tf.convert_to_tensor(self.bias)[0]
        return self.from_x.roundings(bias) + self.from_h.roundings(tf.zeros(self.units))

    def rounded(self) -> tuple[Sequence[Any], Sequence[Any], Any]:
        """The recurrent part is followed by what the candidate's argument has beyond the gate's, zeta and nu."""
        bias, finest = tf.convert_to_tensor(self.bias), preactivation_scale(MIN_PREACTIVATION_SHIFT)
        difference = _steps(tf.cast(bias[1], tf.float64) - tf.cast(bias[0], tf.float64), _sum_scale(self))
        raw = (tf.cast(tf.convert_to_tensor(value), tf.float64) for value in (self.zeta_raw, self.nu_raw))
        shares = [self._share(_steps(value, finest)) for value in raw]
        of_state = [*self.from_h.rounded(tf.zeros(self.units)), difference, *shares]
        return self.from_x.rounded(bias[0]), of_state, (self.from_x.factors(), self.from_h.factors())

    def project(self, x: Any, weights: Sequence[Any], factors: Any) -> Any:
        """Of all rows."""
        return self.from_x(self.operand_of(x), weights, factors[0])

    def step(self, from_input: Any, state: Sequence[Any], weights: Sequence[Any], factors: Any) -> Sequence[Any]:
        """One sum for gate and candidate."""
        (h,), (*matrices, difference, zeta, nu) = state, weights
        total = ops.saturate(from_input + self.from_h(ops.as_operand(h, self.operand), matrices, factors[1]))
        z = self.sigmoid(total)
        c = self.tanh(ops.saturate(total + difference))
        rest = ops.saturate(c - ops.multiply_q15(z, c))
        kept = ops.saturate(ops.multiply_q15(z, h) + ops.multiply_q15(nu, c, self.state_shift))
        return (ops.saturate(kept + ops.multiply_q15(zeta, rest, self.state_shift)),)


def _steps(value: Any, scale: Scale) -> Any:
    """Float64 real values to the nearest int16 steps, in float32."""
    return ops.saturate(tf.cast(ops.round_half_even(value / scale.value), tf.float32))
