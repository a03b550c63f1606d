"""Values per window or per step, and forecasts: mean squared error of standardised targets.

The head learns targets of mean 0 and variance 1; `finish` folds their scale into its weights, so that the saved
model answers in the unit of the targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.data import DataSet, Part, per_step
from edgeseq.train.recipe import Recipe
from edgeseq.train.split import Split
from edgeseq.train.tasks.base import Examples, Head, Predict, Unit, step_weights


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """Linear outputs. mean, std: of the training targets, (outputs,)."""

    data: DataSet
    head: Head
    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]

    @classmethod
    def of(cls, data: DataSet, parts: Split, recipe: Recipe) -> Regression:
        """Return the task for these data."""
        y = parts.train.y
        assert y is not None
        stepwise = per_step(data.task, y)
        values = (y[parts.train.valid(at_end=True)] if stepwise else y).astype(np.float64)
        std = values.std(axis=0)
        std[std < 1e-6 * (np.abs(values.mean(axis=0)) + 1e-30)] = 1.0  # a constant target
        head = Head(y.shape[-1], "linear", "mean_squared_error", ("mae",), "mae", stepwise)
        return cls(data, head, values.mean(axis=0).astype(np.float32), std.astype(np.float32))

    def examples(self, part: Part) -> Examples:
        """Return standardised targets."""
        assert part.y is not None
        y = self.unit.learnt(part.y).astype(np.float32)
        return Examples(part.x, y, step_weights(part) if self.head.per_step else None)

    @property
    def unit(self) -> Unit:
        """Mean 0 and variance 1."""
        return Unit(self.mean, self.std)

    def finish(self, model: Any) -> None:
        """Fold the targets' scale into the last layer, a linear Dense."""
        head = model.layers[-1]
        kernel, bias = head.get_weights()
        head.set_weights([kernel * self.std, bias * self.std + self.mean])

    def judge(self, predict: Predict, parts: Split) -> dict[str, Any]:
        """Return errors in units of the targets, beside those of a baseline that learnt nothing."""
        part = parts.test
        assert part.y is not None
        predicted, wanted = predict(part).astype(np.float64), part.y.astype(np.float64)
        if not self.head.per_step:
            return {**_errors(predicted, wanted), "mean_baseline_rmse": _rmse(wanted - self.mean)}
        valid = part.valid(at_end=True)
        metrics = {**_errors(predicted[valid], wanted[valid])}
        if self.data.target_columns:
            now = part.x[..., list(self.data.target_columns)].astype(np.float64)
            metrics["persistence_mae"] = float(np.abs(now - wanted)[valid].mean())
            metrics["persistence_rmse"] = _rmse((now - wanted)[valid])
        else:
            last = valid.sum(axis=1) - 1
            rows = np.arange(len(last))
            metrics["last_step_rmse"] = _rmse(predicted[rows, last] - wanted[rows, last])
            metrics["mean_baseline_rmse"] = _rmse((wanted - self.mean)[valid])
        return metrics


def _rmse(error: npt.NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(error))))


def _errors(predicted: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> dict[str, Any]:
    error, spread = predicted - wanted, np.square(wanted - wanted.mean(axis=0)).sum()
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": _rmse(error),
        "r2": float(1 - np.square(error).sum() / spread) if spread > 0 else None,
    }
