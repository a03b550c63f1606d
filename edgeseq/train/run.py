"""A whole run: split, build, fit, judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from edgeseq.data import DataSet, Part, TaskName
from edgeseq.errors import TrainingError
from edgeseq.train.backend import import_keras
from edgeseq.train.build import build_model, compile_model, with_mask
from edgeseq.train.checkpoint import History
from edgeseq.train.fit import Watch, fit
from edgeseq.train.recipe import Recipe
from edgeseq.train.split import Split, split
from edgeseq.train.tasks import TASKS, Examples, Task

if TYPE_CHECKING:
    from edgeseq.train.qat.fit import Progress, QatRecipe

PREDICTION_BATCH = 256
# Tasks whose fitted model is the one that is saved, without a change of units.
INTEGER_TASKS: tuple[TaskName, ...] = ("classification", "tagging", "multilabel")


@dataclass(frozen=True, slots=True, eq=False)
class TrainingResult:
    """model: a built keras.Model that takes raw values, None if not one epoch was complete.

    metrics: of the float model on the test part; history: figures of each epoch; best_epoch: the one that was kept.
    """

    model: Any
    recipe: Recipe
    task: TaskName
    metrics: dict[str, Any]
    history: History
    best_epoch: int
    status: Literal["complete", "stopped early", "interrupted"]
    parts: Split

    @property
    def test_accuracy(self) -> float:
        """Accuracy on the test part, 0..1, of a task that has one."""
        return float(self.metrics["accuracy"])

    @property
    def epochs_run(self) -> int:
        """Complete epochs."""
        return len(self.history)


# (keras, data, recipe) -> an uncompiled model of the data's windows.
Build = Callable[[Any, DataSet, Recipe], Any]


def train(
    data: DataSet,
    recipe: Recipe,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    watch: Watch | None = None,
    build: Build | None = None,
) -> TrainingResult:
    """Train on the training part, keep the epoch that validates best, judge on the test part.

    build: makes the model; without it, recurrent layers as the recipe says. See `edgeseq.train.references`.
    Raises TrainingError when the recipe does not fit the task, or the loss becomes NaN.
    """
    keras = import_keras()
    keras.utils.set_random_seed(recipe.seed)
    parts = split(data, recipe)
    task = TASKS[data.task](data, parts, recipe)
    name = f"{data.name}_{recipe.cell.replace('+', '_')}"
    model = build(keras, data, recipe) if build else build_model(keras, parts.train, task.head, recipe, name)
    masked = recipe.mask and not task.head.per_step and parts.train.lengths is not None
    trained = with_mask(keras, model) if masked else model
    compile_model(keras, trained, task.head, recipe)
    fitted = fit(
        keras,
        trained,
        _masked(task.examples(parts.train), parts.train, masked=masked),
        _masked(task.examples(parts.validation), parts.validation, masked=masked),
        recipe,
        checkpoint=checkpoint,
        resume=resume,
        watch=watch,
    )
    done = fitted.epochs_run > 0
    metrics = _judged(task, model, trained, parts, masked=masked) if done else {}
    counters = fitted.counters
    return TrainingResult(
        model if done else None, recipe, data.task, metrics, counters.history, counters.best_epoch, fitted.status, parts
    )


def _masked(examples: Examples, part: Part, *, masked: bool) -> Examples:
    return replace(examples, x=[part.x, part.valid(at_end=False)]) if masked else examples


def _judged(task: Task, model: Any, trained: Any, parts: Split, *, masked: bool) -> dict[str, Any]:
    task.finish(model)

    def predict(part: Part) -> Any:
        x = [part.x, part.valid(at_end=False)] if masked else part.x
        return np.asarray(trained.predict(x, verbose=0, batch_size=PREDICTION_BATCH))

    return task.judge(predict, parts)


def train_integers(
    data: DataSet, recipe: Recipe, model: Any, integers: QatRecipe, progress: Progress | None = None
) -> TrainingResult:
    """Go on from a float model with the integers themselves (docs/qat.md); judged as `train` judges.

    The data are split as the recipe says, so that validation windows stay what they were for the float model.
    Raises TrainingError where the task or the recipe cannot be trained so, and what `fine_tune` raises.
    """
    check_integers(data, recipe)
    import_keras()
    from edgeseq.train.qat import fine_tune

    parts = split(data, recipe)
    task = TASKS[data.task](data, parts, recipe)
    train_part, validation = (
        (each.x, each.y, each.weight) for each in (task.examples(parts.train), task.examples(parts.validation))
    )
    head = task.head
    tuned = fine_tune(model, train_part, validation, integers, loss=head.loss, metrics=head.metrics, progress=progress)
    metrics = _judged(task, tuned.model, tuned.model, parts, masked=False)
    history = tuple({name: values[epoch] for name, values in tuned.history.items()} for epoch in range(tuned.epochs_run))
    return TrainingResult(tuned.model, recipe, data.task, metrics, history, tuned.best_epoch, "complete", parts)


def check_integers(data: DataSet, recipe: Recipe) -> None:
    """Raise TrainingError where the task or the recipe cannot be trained with integers."""
    if data.task not in INTEGER_TASKS:
        raise TrainingError(f"{data.name}: training with integers is for {', '.join(INTEGER_TASKS)}, not {data.task}")
    if recipe.mask:
        raise TrainingError("training with integers reads padding as any other step; leave --mask out")
    if recipe.bidirectional:
        raise TrainingError("training with integers is for layers that read forward; leave --bidirectional out")
