"""The one figure that candidates are judged by, window by window, so that its error bar can be drawn."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.data import DataSet, Part, TaskName

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Metric:
    """name: as in results.json. unit: share (0..1), or that of the targets. watched: the figure of each epoch."""

    name: str
    higher_is_better: bool
    unit: str
    watched: str

    def goodness(self, score: float) -> float:
        """Return the score so that more is better."""
        return score if self.higher_is_better else -score

    def text(self, score: float) -> str:
        """Return the score as a person reads it.

        >>> METRICS["classification"].text(0.91234), METRICS["forecast"].text(0.91234)
        ('91.23 %', 'mae 0.9123')
        """
        return f"{score:.2%}".replace("%", " %") if self.unit == "share" else f"{self.name} {score:.4g}"

    def difference(self, score: float) -> str:
        """Return a difference of scores as a person reads it."""
        return f"{100 * score:.2f} points" if self.unit == "share" else f"{score:.3g} of {self.name}"

    def as_json(self) -> dict[str, Any]:
        """Name, direction and unit."""
        return {name: value for name, value in asdict(self).items() if name != "watched"}


_ACCURACY = Metric("accuracy", True, "share", "val_accuracy")  # noqa: FBT003 - the field's name stands in the class
_MAE = Metric("mae", False, "unit of the targets", "val_mae")  # noqa: FBT003 - as above
METRICS: dict[TaskName, Metric] = {
    "classification": _ACCURACY,
    "tagging": _ACCURACY,
    "regression": _MAE,
    "forecast": _MAE,
    "anomaly": _MAE,
    "multilabel": Metric("nll", False, "nats per step", "val_loss"),  # noqa: FBT003 - as above
}


@dataclass(frozen=True, slots=True, eq=False)
class WindowScores:
    """What each window adds to the score, (n,). weights: its judged time steps."""

    values: FloatArray
    weights: FloatArray

    @property
    def score(self) -> float:
        """The weighted mean."""
        return float((self.values * self.weights).sum() / self.weights.sum())


def window_scores(data: DataSet, part: Part, outputs: npt.NDArray[Any]) -> WindowScores:
    """Score predictions, (n, outputs) or (n, time, outputs), in units of the targets. `judge` of the task says the same."""
    assert part.y is not None
    if data.task == "multilabel":
        p = np.clip(outputs.astype(np.float64), 1e-7, 1 - 1e-7)
        per_step = -np.where(part.y > 0.5, np.log(p), np.log(1 - p)).sum(axis=-1)
    elif METRICS[data.task] is _ACCURACY:
        per_step = (outputs.argmax(axis=-1) == part.y).astype(np.float64)
    else:
        per_step = np.abs(outputs.astype(np.float64) - part.y).mean(axis=-1)
    if per_step.ndim == 1:
        return WindowScores(per_step, np.ones(len(per_step)))
    valid = part.valid(at_end=True)
    steps = valid.sum(axis=1).astype(np.float64)
    return WindowScores((per_step * valid).sum(axis=1) / np.maximum(steps, 1), steps)


def baseline(data: DataSet, part: Part) -> tuple[str, WindowScores]:
    """Return what knows nothing and how it scores: the most frequent class, the last value, the training mean."""
    assert data.train.y is not None
    assert part.y is not None
    y = data.train.y
    learnt = y[data.train.valid(at_end=True)] if data.padded_at_end else y
    if METRICS[data.task] is _ACCURACY:
        winner = int(np.bincount(learnt.ravel()).argmax())
        answer = np.zeros((*part.y.shape, data.classes))
        answer[..., winner] = 1
        return "the most frequent class", window_scores(data, part, answer)
    if data.target_columns:
        return "the last value seen", window_scores(data, part, part.x[..., list(data.target_columns)])
    name = "how often each label is on" if data.task == "multilabel" else "the mean of the training targets"
    mean = learnt.mean(axis=0, dtype=np.float64)
    return name, window_scores(data, part, np.broadcast_to(mean, part.y.shape))
