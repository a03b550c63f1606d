"""Several labels at once in each step, such as the next notes of a piano roll: sigmoid and binary cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeseq.data import DataSet, Part
from edgeseq.train.recipe import Recipe
from edgeseq.train.split import Split
from edgeseq.train.tasks.base import Examples, Head, Predict, step_weights


@dataclass(frozen=True, slots=True, eq=False)
class Multilabel:
    """One sigmoid per label. base_rate: share of training steps that carry each label."""

    head: Head
    base_rate: Any

    @classmethod
    def of(cls, data: DataSet, parts: Split, recipe: Recipe) -> Multilabel:
        """Return the task for these data."""
        y = parts.train.y
        assert y is not None
        rate = y[parts.train.valid(at_end=True)].mean(axis=0, dtype=np.float64)
        return cls(Head(y.shape[-1], "sigmoid", "binary_crossentropy", (), "loss", per_step=True), rate)

    def examples(self, part: Part) -> Examples:
        """Return the labels of each step."""
        assert part.y is not None
        return Examples(part.x, part.y.astype(np.float32), step_weights(part))

    @property
    def unit(self) -> None:
        """Probabilities have none."""

    def finish(self, model: Any) -> None:
        """Nothing to do: probabilities have no unit."""

    def judge(self, predict: Predict, parts: Split) -> dict[str, Any]:
        """Return nats per step, summed over labels, and frame-level accuracy TP / (TP + FP + FN) (Bay et al. 2009)."""
        part = parts.test
        assert part.y is not None
        valid = part.valid(at_end=True)
        wanted, p = part.y[valid] > 0.5, predict(part)[valid].astype(np.float64)
        on = p > 0.5
        hits, answered, asked, either = (int(a.sum()) for a in (on & wanted, on, wanted, on | wanted))
        return {
            "nll_nats_per_step": _nll(p, wanted),
            "marginal_nll_nats_per_step": _nll(np.broadcast_to(self.base_rate, p.shape), wanted),
            "frame_accuracy": hits / max(1, either),
            "precision": hits / max(1, answered),
            "recall": hits / max(1, asked),
        }


def _nll(p: Any, wanted: Any) -> float:
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return float(-np.where(wanted, np.log(p), np.log(1 - p)).sum(axis=-1).mean())
