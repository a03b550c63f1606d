"""Row factors follow the weights: chosen again at the start of every epoch, never after the last step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from edgeseq.arith.rounding import Moments
from edgeseq.train.qat.layers import QatLayer
from edgeseq.train.qat.rows import row_factors


class Rescale(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
    """Give every QAT layer the row factors that fit its weights as they are now; a scale that cannot be held stays."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before the epoch, so that what is evaluated and saved after it was trained with these factors."""
        if epoch:  # the first epoch trains with those that `prepare` chose
            rescale(self.model)


def rescale(model: Any) -> None:
    """Choose the row factors of all QAT layers of a model again, those of models inside it too."""
    for layer in model.layers:
        if isinstance(layer, QatLayer):
            for each in layer.roundings():
                kernel, bias = np.asarray(each.matrix.real()), np.asarray(each.bias)
                reads = Moments.unknown(len(kernel))
                chosen = row_factors(kernel, bias, each.entering, each.out_scale, each.matrix.bits, reads)
                if chosen is not None:
                    each.matrix.adopt(chosen)
        elif isinstance(layer, keras.Model):
            rescale(layer)
