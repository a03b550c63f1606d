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
from edgeseq.train.tasks import TASKS, Examples, Head, Task

if TYPE_CHECKING:
    from edgeseq.train.qat.fit import Progress, QatRecipe

PREDICTION_BATCH = 256
Status = Literal["complete", "stopped early", "interrupted"]


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
    status: Status
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
    masked = _reads_mask(task, parts, recipe)
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
    if done:
        task.finish(model)
    metrics = _judged(task, trained, parts, masked=masked) if done else {}
    counters = fitted.counters
    return TrainingResult(
        model if done else None, recipe, data.task, metrics, counters.history, counters.best_epoch, fitted.status, parts
    )


def _masked(examples: Examples, part: Part, *, masked: bool) -> Examples:
    return replace(examples, x=[part.x, part.valid(at_end=False)]) if masked else examples


def _reads_mask(task: Task, parts: Split, recipe: Recipe) -> bool:
    """Whether padding is skipped: where each step has a target, its weight of 0 does that."""
    return recipe.mask and not task.head.per_step and parts.train.lengths is not None


def _judged(task: Task, trained: Any, parts: Split, *, masked: bool) -> dict[str, Any]:
    """Figures of a finished model, which takes a mask or not."""

    def predict(part: Part) -> Any:
        x = [part.x, part.valid(at_end=False)] if masked else part.x
        return np.asarray(trained.predict(x, verbose=0, batch_size=PREDICTION_BATCH))

    return task.judge(predict, parts)


def train_integers(
    data: DataSet, recipe: Recipe, model: Any, integers: QatRecipe, progress: Progress | None = None
) -> TrainingResult:
    """Go on from a float model with the integers themselves (docs/qat.md); judged as `train` judges.

    The data are split as the recipe says, so that validation windows stay what they were for the float model.
    model: it answers in the units of the targets, as a trained one does.
    Raises TrainingError where the model or the recipe does not fit, and what `fine_tune` raises.
    """
    check_integers(recipe)
    keras = import_keras()
    from edgeseq.train.qat import fine_tune

    parts = split(data, recipe)
    task = TASKS[data.task](data, parts, recipe)
    head, masked = task.head, _reads_mask(task, parts, recipe)
    _check_outputs(model, head, data)
    examples = [_masked(task.examples(part), part, masked=masked) for part in (parts.train, parts.validation)]
    train_part, validation = ((each.x, each.y, each.weight) for each in examples)
    tuned = fine_tune(
        model, train_part, validation, integers, loss=head.loss, metrics=head.metrics, unit=task.unit, progress=progress
    )
    judged = with_mask(keras, tuned.model) if masked else tuned.model
    metrics = _judged(task, judged, parts, masked=masked)
    history = tuple({name: values[epoch] for name, values in tuned.history.items()} for epoch in range(tuned.epochs_run))
    status: Status = "complete" if tuned.epochs_run == integers.epochs else "stopped early"
    return TrainingResult(tuned.model, recipe, data.task, metrics, history, tuned.best_epoch, status, parts)


def _check_outputs(model: Any, head: Head, data: DataSet) -> None:
    """Raise TrainingError unless the model's outputs are those of the task."""
    shape, last = model.output_shape, model.layers[-1]
    last = last.layer if type(last).__name__ == "TimeDistributed" else last
    wanted = f"(n, time, {head.outputs})" if head.per_step else f"(n, {head.outputs})"
    if len(shape) != (3 if head.per_step else 2) or shape[-1] != head.outputs:
        raise TrainingError(f"model {model.name!r} gives outputs {shape}; {data.task} of {data.name} needs {wanted}")
    found = last.get_config().get("activation") if type(last).__name__ == "Dense" else f"a {type(last).__name__} layer"
    if head.activation == "linear" and found != "linear":
        raise TrainingError(
            f"model {model.name!r} ends in {found}; {data.task} is trained with integers where a linear Dense layer ends the "
            "model, which takes the unit of its targets"
        )


def check_integers(recipe: Recipe) -> None:
    """Raise TrainingError where the recipe cannot be trained with integers."""
    if recipe.bidirectional:
        raise TrainingError("training with integers is for layers that read forward; leave --bidirectional out")
