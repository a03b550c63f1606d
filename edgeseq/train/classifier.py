"""Training a window classifier in one call."""

from __future__ import annotations

from collections.abc import Callable

from edgeseq.data import DataSet
from edgeseq.errors import DataError
from edgeseq.train.backend import import_keras
from edgeseq.train.recipe import Recipe
from edgeseq.train.run import TrainingResult, train

# Called with (epochs done, epochs in all, validation accuracy) after each epoch.
Progress = Callable[[int, int, float], None]


def train_classifier(data: DataSet, recipe: Recipe, progress: Progress | None = None) -> TrainingResult:
    """Train on the training part, keep the epoch that validates best, score on the test part.

    Raises DataError when the targets are no classes, TrainingError when the loss becomes NaN.
    """
    if data.task != "classification":
        raise DataError(f"{data.name}: its targets are for {data.task}; a classifier needs one class per window")

    def watch(done: float, logs: dict[str, float]) -> None:
        if progress and done == int(done) and logs:
            progress(int(done), recipe.epochs, logs["val_accuracy"])

    return train(data, recipe, watch=watch)


__all__ = ["Progress", "import_keras", "train_classifier"]
