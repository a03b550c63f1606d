"""The questions that `benchmarks.choose` and `benchmarks.by_hand` put: data sets, cores, budgets, and where answers lie."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.paths import RESULTS
from benchmarks.trained import TASKS, cache_folder
from edgeseq.choose.about_data import task_shape
from edgeseq.choose.budget import Budget
from edgeseq.choose.search.loop import SearchOptions
from edgeseq.choose.search.proposals.predictor import predictor
from edgeseq.choose.search.proposals.target import Target
from edgeseq.choose.search.study.records import RunFolder
from edgeseq.data import DataSet
from edgeseq.targets import load_core

Row = dict[str, Any]
BUDGETS = {"16K/2K": Budget(16_384, 2_048), "32K/4K": Budget(32_768, 4_096), "128K/16K": Budget(131_072, 16_384)}
CORES = ("cortex-m0plus", "cortex-m4")


@dataclass(frozen=True, slots=True)
class Case:
    """One question: which network for these data, on this core, in this budget."""

    data: str
    core: str
    budget: str

    @property
    def folder(self) -> Path:
        """Where its search lies."""
        return cache_folder().parent / "choose" / f"{self.data}-{self.core}-{self.budget.replace('/', '-')}"

    @property
    def earlier(self) -> tuple[Path, ...]:
        """Folders of this data set's other searches."""
        others = (Case(self.data, core, budget).folder for budget in BUDGETS for core in CORES)
        return tuple(folder for folder in others if folder != self.folder and RunFolder(folder).database.exists())

    def target(self, data: DataSet) -> Target:
        """The core, with what predicts costs there."""
        core = load_core(self.core)
        predict, errors = predictor(task_shape(data), core)
        return Target(self.core, core, predict, prediction_error=errors)


def options_for(data: str) -> SearchOptions:
    """How candidates and baselines of a data set train."""
    return SearchOptions(trials=1000, epochs=min(SearchOptions().epochs, TASKS[data].epochs))


def stored(name: str) -> list[Row]:
    """Return the finished rows of a file of results."""
    path = RESULTS / name
    return json.loads(path.read_text()) if path.exists() else []


def save(name: str, rows: list[Row]) -> None:
    """Replace a file of results; a kill leaves the old one or the new."""
    path = RESULTS / name
    new = path.with_suffix(".new")
    new.write_text(json.dumps(rows, indent=1) + "\n")
    new.replace(path)
