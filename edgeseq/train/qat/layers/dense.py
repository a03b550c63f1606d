"""A Dense layer that computes with the integers of `edgeseq.simulate`, and can be trained."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from edgeseq.arith.matmul import WeightBits, whole_input
from edgeseq.arith.scale import Q15, Scale, preactivation_scale
from edgeseq.train.qat import ops
from edgeseq.train.qat.layers.base import PACKAGE, QatLayer, QatMatrix, Rounding
from edgeseq.train.qat.tables import sigmoid_table, tanh_table
from edgeseq.train.tasks.base import Unit

ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax")


@keras.saving.register_keras_serializable(PACKAGE)
class QatDense(QatLayer):
    """Weights: kernel (inputs, units), bias, then the row factors.

    out_scale: (mantissa, exponent) of one output step; None where a table follows (sigmoid, tanh), which
    preactivation_shift then describes. A softmax is computed in float, from the integer logits.
    """

    def __init__(
        self,
        units: int,
        activation: str = "linear",
        bits: WeightBits = 8,
        out_scale: tuple[int, int] | None = None,
        preactivation_shift: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.require(activation in ACTIVATIONS, f"activation {activation!r}; expected one of {', '.join(ACTIVATIONS)}")
        self.require(bits in (4, 8), f"weights of {bits!r} bits; expected 4 or 8")
        self.require((out_scale is None) == (activation in ("sigmoid", "tanh")), "an output scale goes with a linear output")
        self.units, self.activation, self.bits, self.preactivation_shift = units, activation, bits, preactivation_shift
        self.out_scale = Scale(*out_scale) if out_scale else None
        self.accumulates_to = self.out_scale or preactivation_scale(preactivation_shift)
        self.x_enters = whole_input(self.in_scale, self.code_dtype, self.zero_point)
        self.unit: Unit | None = None

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation,
            "bits": self.bits,
            "out_scale": [self.out_scale.mantissa, self.out_scale.exponent] if self.out_scale else None,
            "preactivation_shift": self.preactivation_shift,
        }

    def build(self, input_shape: Any) -> None:
        """Add the weights."""
        self.matrix = QatMatrix(self, "kernel", self.units, int(input_shape[-1]), self.bits)
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(..., units)."""
        return (*input_shape[:-1], self.units)

    def real_bias(self) -> Any:
        """In real units, (units,)."""
        bias = tf.convert_to_tensor(self.bias)
        return bias if self.unit is None else bias * self.unit.std + self.unit.mean

    def roundings(self) -> list[Rounding]:
        """The one matrix."""
        return [Rounding(self.matrix, self.real_bias(), self.x_enters, self.accumulates_to)]

    def learn_in(self, unit: Unit) -> None:
        """Keep weights in multiples of a unit from now on, so that a step of an optimizer moves outputs of any size alike."""
        self.matrix.kernel.assign(np.asarray(self.matrix.kernel) / unit.std)
        self.bias.assign((np.asarray(self.bias) - unit.mean) / unit.std)
        self.unit, self.matrix.unit = unit, unit.std

    def fold_unit(self) -> None:
        """Keep weights in real units again: the same float32 products as before, so the same integers."""
        kernel, bias = np.asarray(self.matrix.real()), np.asarray(self.real_bias())
        self.unit = self.matrix.unit = None
        self.matrix.kernel.assign(kernel)
        self.bias.assign(bias)

    def output_integers(self, inputs: Any) -> Any:
        """Return the int16 outputs (..., units) in float32; a softmax's logits; inputs: real values."""
        codes, bias = self.matrix.rounded(self.real_bias(), self.x_enters, self.accumulates_to)
        doubling, span = (2.0, self.x_enters.span // 2) if self.x_enters.odd_bias else (1.0, self.x_enters.span)
        acc = doubling * ops.products(self.integers(inputs), codes, span) + bias
        out = ops.requantize(acc, self.matrix.factor())
        match self.activation:
            case "relu":
                return tf.nn.relu(out)
            case "sigmoid":
                return sigmoid_table(self.preactivation_shift)(out)
            case "tanh":
                return tanh_table(self.preactivation_shift)(out)
            case _:
                return out

    def call(self, inputs: Any) -> Any:
        """Return real outputs; inputs: (..., inputs) real values."""
        real = self.output_integers(inputs) * (self.out_scale or Q15).value
        return tf.nn.softmax(real) if self.activation == "softmax" else real
