"""A class per window, or with tagging a class per step: softmax and cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeseq.data import DataSet, Part
from edgeseq.train.recipe import Recipe
from edgeseq.train.split import Split
from edgeseq.train.tasks.base import Examples, Head, Predict, class_factors, class_metrics, step_weights


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """Softmax over classes. factors: (classes,) weights, or None."""

    data: DataSet
    head: Head
    factors: Any

    @classmethod
    def of(cls, data: DataSet, parts: Split, recipe: Recipe) -> Classification:
        """Return the task for these data."""
        per_step = data.task == "tagging"
        assert parts.train.y is not None
        labels = parts.train.y[parts.train.valid(at_end=True)] if per_step else parts.train.y
        factors = class_factors(labels, data.classes) if recipe.class_weights == "balanced" else None
        head = Head(data.classes, "softmax", "sparse_categorical_crossentropy", ("accuracy",), "accuracy", per_step)
        return cls(data, head, factors)

    def examples(self, part: Part) -> Examples:
        """Return labels with the weights of their classes."""
        assert part.y is not None
        factor = None if self.factors is None else self.factors[part.y]
        if self.head.per_step:
            return Examples(part.x, part.y, step_weights(part, factor))
        # A validation part of absent classes alone has no weight to normalise.
        weight = None if factor is None or not factor.any() else (factor / factor.mean()).astype(np.float32)
        return Examples(part.x, part.y, weight)

    @property
    def unit(self) -> None:
        """Probabilities have none."""

    def finish(self, model: Any) -> None:
        """Nothing to do: probabilities have no unit."""

    def judge(self, predict: Predict, parts: Split) -> dict[str, Any]:
        """Return class metrics of the test part; padded steps count nowhere."""
        assert parts.test.y is not None
        predicted, wanted = predict(parts.test).argmax(axis=-1), parts.test.y
        if self.head.per_step:
            valid = parts.test.valid(at_end=True)
            predicted, wanted = predicted[valid], wanted[valid]
        return class_metrics(predicted, wanted, self.data)
