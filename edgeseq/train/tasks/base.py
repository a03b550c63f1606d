"""What a task is: its head, its loss, its examples and how predictions are judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgeseq.data import DataSet, Part, TaskName
from edgeseq.train.split import Split

FloatArray = npt.NDArray[np.floating[Any]]
# Outputs of the finished model on a part, (n, outputs) or (n, time, outputs), in units of the targets.
Predict = Callable[[Part], FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What a model is fitted on. x: the model's inputs; y: as its loss wants it; weight: (n,) or (n, time), mean 1."""

    x: Any
    y: npt.NDArray[Any]
    weight: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """Physical values are ``learnt * std + mean``. mean, std: float32 (outputs,); std > 0."""

    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]

    def learnt(self, physical: Any) -> Any:
        """Physical values (..., outputs), arrays or tensors, in the unit of learning."""
        return (physical - self.mean) / self.std


@dataclass(frozen=True, slots=True)
class Head:
    """The last layer and what it is trained by. per_step: one output per time step, not per window.

    loss, metrics: names that Keras knows. headline: the metric shown while training, of those or "loss".
    """

    outputs: int
    activation: str
    loss: str
    metrics: tuple[str, ...]
    headline: str
    per_step: bool


class Task(Protocol):
    """One kind of learning. Adding one: a module here and an entry in TASKS."""

    @property
    def head(self) -> Head:
        """The last layer and its loss."""
        ...

    def examples(self, part: Part) -> Examples:
        """Return targets and weights: padded steps weigh nothing, classes as the recipe says."""
        ...

    @property
    def unit(self) -> Unit | None:
        """What targets are learnt in; None: as they are."""
        ...

    def finish(self, model: Any) -> None:
        """Turn a fitted model into one that gives results in physical units; in place."""
        ...

    def judge(self, predict: Predict, parts: Split) -> dict[str, Any]:
        """Return metrics on the test part, by name, as plain numbers."""
        ...


def step_weights(part: Part, factor: npt.NDArray[np.floating[Any]] | None = None) -> npt.NDArray[np.float32] | None:
    """Return (n, time) weights of mean 1: none on padding, `factor` on the rest; None if all are equal."""
    if part.lengths is None and factor is None:
        return None
    weight = part.valid(at_end=True) * (np.ones(part.x.shape[:2]) if factor is None else factor)
    return (weight / weight.mean()).astype(np.float32)


def class_factors(labels: npt.NDArray[Any], classes: int) -> npt.NDArray[np.float64]:
    """Return the weight of each class that makes all classes count the same; 0 for those without examples."""
    counts = np.bincount(labels.ravel(), minlength=classes)
    return np.where(counts > 0, counts.sum() / np.maximum(counts, 1) / np.count_nonzero(counts), 0.0)


def class_metrics(predicted: npt.NDArray[Any], wanted: npt.NDArray[Any], data: DataSet) -> dict[str, Any]:
    """Return accuracy, balanced accuracy, macro F1 and the confusion matrix (rows: wanted, columns: predicted)."""
    classes = data.classes
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (wanted, predicted), 1)
    hits, of_class, of_answer = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    present = of_class > 0
    return {
        "accuracy": float(hits.sum() / len(wanted)),
        "balanced_accuracy": float((hits[present] / of_class[present]).mean()),
        "macro_f1": float((2 * hits / np.maximum(of_class + of_answer, 1))[present].mean()),
        "majority_accuracy": float(of_class.max() / len(wanted)),
        "confusion": confusion.tolist(),
    }


__all__ = ["Examples", "Head", "Predict", "Task", "TaskName", "Unit", "class_factors", "class_metrics", "step_weights"]
