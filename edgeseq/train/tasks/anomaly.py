"""Anomalies by forecast error: a forecaster learns normal data, and a large error is an alarm.

The score of a step is the root mean square over features of (predicted - seen) / error_std, where error_std is the
spread of the validation errors. The threshold is a quantile of the validation scores. Where each of several windows
is normal or not as a whole, windows are scored too: by the root mean square of their steps' scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.data import DataSet, Part
from edgeseq.data.streams import runs
from edgeseq.train.recipe import Recipe
from edgeseq.train.split import Split
from edgeseq.train.tasks.base import Examples, Head, Predict, Unit
from edgeseq.train.tasks.regression import Regression


@dataclass(frozen=True, slots=True, eq=False)
class Anomaly:
    """A forecaster with a threshold."""

    forecaster: Regression
    quantile: float

    @classmethod
    def of(cls, data: DataSet, parts: Split, recipe: Recipe) -> Anomaly:
        """Return the task for these data."""
        return cls(Regression.of(data, parts, recipe), recipe.alarm_quantile)

    @property
    def head(self) -> Head:
        """The forecaster's."""
        return self.forecaster.head

    def examples(self, part: Part) -> Examples:
        """Return the forecaster's examples."""
        return self.forecaster.examples(part)

    @property
    def unit(self) -> Unit:
        """The forecaster's."""
        return self.forecaster.unit

    def finish(self, model: Any) -> None:
        """Fold the unit of the targets in."""
        self.forecaster.finish(model)

    def judge(self, predict: Predict, parts: Split) -> dict[str, Any]:
        """Return the threshold and, where anomalies are known, how many steps and how many spans it finds."""
        error, valid = _error(predict, parts.validation)
        std = np.sqrt(np.mean(np.square(error[valid]), axis=0))
        std[std == 0] = 1.0
        validating, validating_steps = _score(error, std), valid
        scores = validating[valid]
        threshold = float(np.quantile(scores, self.quantile))
        error, valid = _error(predict, parts.test)
        testing = _score(error, std)
        alarms = (testing > threshold) & valid
        metrics: dict[str, Any] = {
            "threshold": threshold,
            "error_std": std.tolist(),
            "validation_steps": len(scores),
            "alarms": int(alarms.sum()),
            "alarms_per_1000_steps": float(1000 * alarms.sum() / valid.sum()),
            "mae": float(np.abs(error[valid]).mean()),
        }
        if parts.test.marks is not None:
            marks = (parts.test.marks > 0) & valid
            metrics |= _found(alarms, marks, valid)
            if len(marks) > 1 and (marks.any(axis=1) == (marks == valid).all(axis=1)).all():
                limit = float(np.quantile(_of_windows(validating, validating_steps), self.quantile))
                metrics |= _windows_found(_of_windows(testing, valid), np.asarray(marks.any(axis=1)), limit)
        return metrics


def _error(predict: Predict, part: Part) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    assert part.y is not None
    return (predict(part) - part.y).astype(np.float64), part.valid(at_end=True)


def _score(error: npt.NDArray[np.float64], std: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.sqrt(np.square(error / std).mean(axis=-1)))


def _of_windows(scores: npt.NDArray[np.float64], valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return np.asarray(np.sqrt((np.square(scores) * valid).sum(axis=1) / valid.sum(axis=1)))


def _windows_found(scores: npt.NDArray[np.float64], marks: npt.NDArray[np.bool_], threshold: float) -> dict[str, Any]:
    alarms = scores > threshold
    hits = int((alarms & marks).sum())
    return {
        "window_threshold": threshold,
        "window_precision": hits / int(alarms.sum()) if alarms.any() else None,
        "window_recall": hits / int(marks.sum()) if marks.any() else None,
        "window_accuracy": float((alarms == marks).mean()),
    }


def _found(alarms: npt.NDArray[np.bool_], marks: npt.NDArray[np.bool_], valid: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Precision and recall over steps, and over spans: a span is found by one alarm in it."""
    hits = int((alarms & marks).sum())
    spans = [(row, a, b) for row, line in enumerate(marks) for a, b in runs(line) if line[a]]
    found = sum(bool(alarms[row, a:b].any()) for row, a, b in spans)
    normal = int((valid & ~marks).sum())
    precision, recall = hits / alarms.sum() if alarms.any() else None, hits / marks.sum() if marks.any() else None
    metrics = {
        "precision": precision,
        "recall": recall,
        "spans": len(spans),
        "spans_found": found,
        "span_recall": found / len(spans) if spans else None,
        "false_alarms_per_1000_steps": float(1000 * (alarms & ~marks).sum() / normal) if normal else None,
    }
    return {name: float(value) if isinstance(value, np.floating) else value for name, value in metrics.items()}
