"""Distillation: a float teacher's outputs as a second target, for any Keras model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from edgeseq.errors import DataError, UnsupportedModelError

_LEAST = 1e-7


@dataclass(frozen=True, slots=True)
class Distillation:
    """How much of the loss the teacher gives. weight: 0 labels alone, 1 teacher alone; temperature: softens both outputs."""

    weight: float = 1.0
    temperature: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise DataError(f"distillation weight {self.weight:g}; expected 0 (labels alone) to 1 (teacher alone)")
        if not self.temperature > 0:
            raise DataError(f"distillation temperature {self.temperature:g}; expected more than 0")


class Distiller(keras.Model):  # type: ignore[misc]  # Keras is untyped
    """A student that is fitted to labels and to its teacher's outputs at once; save `student`, not this.

    A softmax head is compared by the Kullback-Leibler divergence of softened probabilities (Hinton et al. 2015),
    a sigmoid head output by output likewise, any other by the mean squared difference.
    """

    def __init__(self, student: Any, teacher: Any, distillation: Distillation) -> None:
        super().__init__(name=f"{student.name}_distilled")
        if student.output_shape[1:] != teacher.output_shape[1:] or student.input_shape[-1] != teacher.input_shape[-1]:
            raise UnsupportedModelError(
                f"the teacher maps {teacher.input_shape} to {teacher.output_shape}, the student {student.input_shape} to "
                f"{student.output_shape}; they must agree"
            )
        self.student, self.distillation = student, distillation
        # Behind a function, Keras does not count the teacher's weights as this model's: they stay as they are.
        self._teach: Callable[[Any], Any] = lambda x: tf.stop_gradient(teacher(x, training=False))
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The student."""
        return self.student(inputs, training=training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool | None = None
    ) -> Any:
        """Mix the compiled loss with the distance to the teacher; in evaluation too, so that the epoch nearest both is kept."""
        by_label = super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        weight = self.distillation.weight
        if weight == 0:
            return by_label
        distance = self._distances(self._teach(x), y_pred)
        if sample_weight is not None:  # padded steps have none, for the teacher's sake either
            distance = distance * tf.reshape(tf.cast(sample_weight, distance.dtype), tf.shape(distance))
        return (1 - weight) * by_label + weight * tf.reduce_mean(distance)

    def _distances(self, teacher: Any, student: Any) -> Any:
        """Of each output vector: (batch,) or (batch, time)."""
        temperature = self.distillation.temperature
        match head_activation(self.student):
            case "softmax":
                # Logits but for a constant that the softmax ignores; T**2 keeps the gradient's size.
                soft, own = (tf.math.log(tf.maximum(p, _LEAST)) / temperature for p in (teacher, student))
                wanted = tf.nn.softmax(soft)
                divergence = tf.reduce_sum(wanted * (tf.nn.log_softmax(soft) - tf.nn.log_softmax(own)), axis=-1)
                return temperature**2 * divergence
            case "sigmoid":
                soft, own = (_logit(p) / temperature for p in (teacher, student))
                wanted = tf.nn.sigmoid(soft)
                cross = tf.nn.sigmoid_cross_entropy_with_logits(wanted, own)
                entropy = tf.nn.sigmoid_cross_entropy_with_logits(wanted, soft)
                return temperature**2 * tf.reduce_mean(cross - entropy, axis=-1)
            case _:
                return tf.reduce_mean((teacher - student) ** 2, axis=-1)


def head_activation(model: Any) -> str:
    """Return the activation of a model's last layer that has one, as Keras names it."""
    for layer in reversed(model.layers):
        if type(layer).__name__ == "Softmax":
            return "softmax"
        activation = layer.get_config().get("activation")
        if activation is not None:
            return str(activation)
    return "linear"


def _logit(probability: Any) -> Any:
    clipped = tf.clip_by_value(probability, _LEAST, 1 - _LEAST)
    return tf.math.log(clipped) - tf.math.log1p(-clipped)
