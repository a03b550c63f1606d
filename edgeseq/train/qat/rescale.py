"""Row factors follow the weights: chosen again at the start of every epoch, never after the last step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from edgeseq.arith.matmul import MatmulInput
from edgeseq.arith.scale import Scale
from edgeseq.train.qat.layers import QatDense, QatMatrix, QatRecurrent
from edgeseq.train.qat.rows import row_factors


class Rescale(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
    """Give every QAT layer the row factors that fit its weights as they are now; a scale that cannot be held stays."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before the epoch, so that what is evaluated and saved after it was trained with these factors."""
        if epoch:  # the first epoch trains with those that `prepare` chose
            rescale(self.model)


def rescale(model: Any) -> None:
    """Choose the row factors of all QAT layers of a model again."""
    for layer in model.layers:
        if isinstance(layer, QatRecurrent):
            _rescale(layer.input_matrix, layer.bias, layer.x_enters, layer.out_scale)
            _rescale(layer.recurrent_matrix, layer.recurrent_bias(), layer.h_enters, layer.out_scale)
        elif isinstance(layer, QatDense):
            _rescale(layer.matrix, layer.bias, layer.x_enters, layer.accumulates_to)


def _rescale(matrix: QatMatrix, bias: Any, entering: MatmulInput, out_scale: Scale) -> None:
    chosen = row_factors(np.asarray(matrix.kernel), np.asarray(bias), entering, out_scale, matrix.bits)
    if chosen is not None:
        matrix.adopt(chosen)
