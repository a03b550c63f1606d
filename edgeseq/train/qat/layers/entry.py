"""The model's input: raw values -> codes -> the real values that the codes stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from edgeseq.arith.entry import affine, code_range
from edgeseq.arith.scale import Scale
from edgeseq.train.qat.layers.base import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class QatInput(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Normalises and rounds as the exported ``NAME_quantize_input`` does, in float32 with one factor per feature.

    code_dtype: int8 or int16; scale: (mantissa, exponent) of one code step; mean, std: one per feature, raw units.
    A Normalization layer in front would round differently from that one factor, so it is part of this layer.
    """

    def __init__(
        self,
        code_dtype: str,
        scale: tuple[int, int],
        zero_point: int,
        mean: Sequence[float],
        std: Sequence[float],
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.code_dtype, self.scale, self.zero_point = code_dtype, Scale(*scale), zero_point
        self.mean, self.std = [float(value) for value in mean], [float(value) for value in std]
        self.supports_jit = False  # a fused multiply-add would round differently

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "code_dtype": self.code_dtype,
            "scale": [self.scale.mantissa, self.scale.exponent],
            "zero_point": self.zero_point,
            "mean": self.mean,
            "std": self.std,
        }

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The same."""
        return input_shape

    def call(self, inputs: Any) -> Any:
        """inputs: (..., features) raw; returns (code - zero point) * scale, without a gradient."""
        gain, offset = affine(np.array(self.mean), np.array(self.std), self.scale, self.zero_point)
        low, high = code_range("int8" if self.code_dtype == "int8" else "int16")
        codes = tf.clip_by_value(tf.floor(tf.cast(inputs, tf.float32) * gain + offset + 0.5), float(low), float(high))
        return (codes - float(self.zero_point)) * self.scale.value
