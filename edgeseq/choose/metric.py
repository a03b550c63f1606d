"""The one figure of a task that networks are judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgeseq.data import TaskName


@dataclass(frozen=True, slots=True)
class Metric:
    """What decides. name: as in results.json. unit: share (0..1), or that of the values.

    key: its name among the metrics of training; watched: among the figures of each epoch. words: in a sentence.
    """

    name: str
    higher_is_better: bool
    unit: str
    key: str
    watched: str
    words: str

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
        return {"name": self.name, "higher_is_better": self.higher_is_better, "unit": self.unit}


ACCURACY = Metric("accuracy", higher_is_better=True, unit="share", key="accuracy", watched="val_accuracy", words="accuracy")
MAE = Metric("mae", higher_is_better=False, unit="units of the target", key="mae", watched="val_mae", words="mean absolute error")
NLL = Metric(
    "nll",
    higher_is_better=False,
    unit="nats per step",
    key="nll_nats_per_step",
    watched="val_loss",
    words="negative log-likelihood",
)
METRICS: dict[TaskName, Metric] = {
    "classification": ACCURACY,
    "tagging": ACCURACY,
    "regression": MAE,
    "forecast": MAE,
    "multilabel": NLL,
    "anomaly": MAE,
}
