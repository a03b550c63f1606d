"""Which training windows validate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeseq.data import DataSet, Part
from edgeseq.data.streams import hold_out
from edgeseq.errors import DataError, TrainingError
from edgeseq.train.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The parts of a run. how: given, subjects or random. held_out: subjects that validate, if any."""

    train: Part
    validation: Part
    test: Part
    how: str
    held_out: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Say enough to see what validated."""
        return {
            "validation": self.how,
            "validation_subjects": list(self.held_out),
            "windows": {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)},
        }


def split(data: DataSet, recipe: Recipe) -> Split:
    """Hold out windows for validation: the part the data gives, whole subjects, or a draw seeded by the recipe."""
    if data.validation is not None and recipe.validation == "auto":
        return Split(data.train, data.validation, data.test, "given")
    subjects = data.train.subjects
    if recipe.validation == "subjects" and subjects is None:
        raise TrainingError(f"{data.name}: names no subjects to validate on; use --validation random, or give subject_train")
    several = subjects is not None and len(np.unique(subjects)) > 1
    if len(data.train) < 2:
        raise DataError(f"{data.name}: {len(data.train)} training windows; at least 2 are needed")
    rng = np.random.default_rng(recipe.seed)
    if subjects is not None and recipe.validation != "random" and (several or recipe.validation == "subjects"):
        held = hold_out(subjects, recipe.validation_share, rng)
        names = tuple(str(name) for name in np.unique(subjects[held]))
        return Split(data.train.take(~held), data.train.take(held), data.test, "subjects", names)
    order = rng.permutation(len(data.train))
    held_out = min(max(1, round(recipe.validation_share * len(order))), len(order) - 1)
    return Split(data.train.take(order[held_out:]), data.train.take(order[:held_out]), data.test, "random")
