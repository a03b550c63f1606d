"""Fine-tuning: a trained float model -> a model that was trained with its integers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edgeseq.arith.entry import InputDtype
from edgeseq.arith.matmul import Scheme
from edgeseq.errors import DataError, TrainingError
from edgeseq.train.build import with_mask
from edgeseq.train.qat.distill import Distillation, Distiller
from edgeseq.train.qat.preparation import prepare
from edgeseq.train.qat.prune import Prune, Pruning
from edgeseq.train.qat.rescale import Rescale
from edgeseq.train.tasks.base import Unit

# Called with (epochs done, epochs in all, figures of the epoch).
Progress = Callable[[int, int, dict[str, float]], None]
# Windows (n, time, features) in raw units, or a list of them and their mask (n, time) as `edgeseq.train.build.with_mask`
# takes it; targets; weights of the targets or None.
Examples = tuple[Any, npt.NDArray[Any], npt.NDArray[Any] | None]
# Share of the learning rate that is left at the end of its cosine.
_FINAL_RATE = 0.02
# Weights start where rounding them together is best: larger steps make 4-bit codes flip faster than they settle.
LEARNING_RATE = 3e-4
# What pruned blocks did must be learnt anew.
PRUNING_RATE = 3e-3


@dataclass(frozen=True, slots=True)
class QatRecipe:
    """How to fine-tune. The epoch that validates best is kept, or the start, if none validates better.

    learning_rate: of Adam, falling to nearly 0 as a cosine; None: LEARNING_RATE, or PRUNING_RATE. distillation: the
    float model teaches too; None: labels alone. pruning: with it, only epochs at the final sparsity are kept. scheme,
    input_dtype: see `prepare`. patience: epochs without a better validation loss before training stops; None: never.
    """

    scheme: Scheme = "int8"
    epochs: int = 8
    batch_size: int = 64
    learning_rate: float | None = None
    distillation: Distillation | None = field(default_factory=Distillation)
    pruning: Pruning | None = None
    input_dtype: InputDtype = "auto"
    seed: int = 0
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise DataError(f"epochs {self.epochs}, batch size {self.batch_size}; expected at least 1 of each")
        if self.patience is not None and self.patience < 1:
            raise DataError(f"patience {self.patience}; expected at least 1, or None")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise DataError(f"learning rate {self.learning_rate:g}; expected more than 0")

    @property
    def first_rate(self) -> float:
        """The learning rate of the first update."""
        return self.learning_rate or (PRUNING_RATE if self.pruning else LEARNING_RATE)


@dataclass(frozen=True, slots=True, eq=False)
class FineTuned:
    """model: of QAT layers, as of its best epoch, counted from 1; 0: as it was prepared. history: figures of every epoch."""

    model: Any
    history: dict[str, list[float]]
    best_epoch: int

    @property
    def epochs_run(self) -> int:
        """Complete epochs."""
        return len(self.history["loss"])


def fine_tune(
    model: Any,
    training: Examples,
    validation: Examples,
    recipe: QatRecipe,
    *,
    loss: Any = "sparse_categorical_crossentropy",
    metrics: tuple[str, ...] = ("accuracy",),
    unit: Unit | None = None,
    progress: Progress | None = None,
) -> FineTuned:
    """Prepare a float model on its training windows and fit it; the float model stays as it is.

    metrics: as Keras names them, weighted as the loss is. unit: of the targets, where the model, which ends in a linear
    Dense layer, gives physical values; the loss, the teacher and the optimizer's steps are then in that unit too. Raises
    what `prepare` raises, and TrainingError when the loss becomes NaN.
    """
    keras.utils.set_random_seed(recipe.seed)
    x, y, weight = training
    masked = isinstance(x, list)
    trained = prepare(model, _without_padding(model, x, weight), recipe.scheme, input_dtype=recipe.input_dtype)
    head = trained.layers[-1]
    if unit is not None:
        head.learn_in(unit)
    updates = recipe.epochs * math.ceil(len(y) / recipe.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(recipe.first_rate, updates, alpha=_FINAL_RATE)
    fitted = _as_learnt(trained, unit, masked=masked)
    if recipe.distillation:
        fitted = Distiller(fitted, _as_learnt(model, unit, masked=masked), recipe.distillation)
    fitted.compile(optimizer=keras.optimizers.Adam(rate, clipnorm=1.0), loss=loss, weighted_metrics=list(metrics))
    prepared = trained.get_weights()
    start = fitted.evaluate(validation[0], validation[1], sample_weight=validation[2], batch_size=recipe.batch_size, verbose=0)
    at_start = float("inf") if recipe.pruning else float(np.ravel(start)[0])
    history = fitted.fit(
        x,
        y,
        sample_weight=weight,
        validation_data=validation if validation[2] is not None else validation[:2],
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        verbose=0,
        callbacks=_callbacks(trained, recipe, at_start, progress),
    ).history
    if not np.isfinite(history["loss"][-1]):
        raise TrainingError(
            f"model {model.name!r}: the loss became NaN in epoch {len(history['loss'])} of quantisation-aware training; "
            "lower its learning rate, or check the data for extreme values"
        )
    first = _first_kept(recipe)
    best = first + 1 + int(np.argmin(history["val_loss"][first:]))
    if at_start <= history["val_loss"][best - 1]:
        trained.set_weights(prepared)
        best = 0
    if unit is not None:
        head.fold_unit()
    return FineTuned(trained, history, best)


def _without_padding(model: Any, x: Any, weight: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    """Windows of at least the median length, cut to it: codes are chosen by what a layer reads, which padding may outnumber.

    With a mask padding is in front, and what the model answers follows the last step; with weights a step it is behind.
    """
    windows, valid = x if isinstance(x, list) else (x, weight)
    if valid is None or np.ndim(valid) != 2 or model.input_shape[1] is not None:
        return windows
    lengths = (np.asarray(valid) > 0).sum(axis=1)
    length = max(1, int(np.median(lengths)))
    steps = slice(windows.shape[1] - length, None) if isinstance(x, list) else slice(length)
    return windows[lengths >= length, steps]


class _InUnit(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Physical values as they are learnt; it is never saved."""

    def __init__(self, unit: Unit) -> None:
        super().__init__(name="in_unit")
        self.unit = unit

    def get_config(self) -> dict[str, Any]:
        """Return what Keras asks of any layer."""
        return {"name": self.name}

    def call(self, inputs: Any) -> Any:
        """inputs: (..., outputs)."""
        return self.unit.learnt(inputs)


def _as_learnt(model: Any, unit: Unit | None, *, masked: bool) -> Any:
    """Return a model that shares the layers, takes a mask if need be and answers in the unit of learning."""
    if masked:
        model = with_mask(keras, model)
    return model if unit is None else keras.Model(model.inputs, _InUnit(unit)(model.outputs[0]), name=model.name)


def _first_kept(recipe: QatRecipe) -> int:
    """First epoch, from 0, that may be kept: while blocks still go, a better one is only a denser one."""
    return math.ceil(recipe.pruning.end * (recipe.epochs - 1)) if recipe.pruning else 0


def _callbacks(trained: Any, recipe: QatRecipe, at_start: float, progress: Progress | None) -> list[Any]:
    pruning = recipe.pruning
    first = _first_kept(recipe)
    patience = recipe.patience or recipe.epochs
    callbacks = [
        # Without pruning, rows keep their reach, and other factors would undo how their codes were chosen.
        *([Prune(trained, pruning, recipe.epochs), Rescale()] if pruning else []),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.EarlyStopping(
            "val_loss",
            patience=patience,
            baseline=None if pruning else at_start,
            restore_best_weights=True,
            start_from_epoch=first,
        ),
    ]
    if progress:
        callbacks.append(
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: progress(epoch + 1, recipe.epochs, dict(logs)))
        )
    return callbacks
