"""What a comparison found."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from edgeseq.choose.comparison.efficiency import Efficiency
from edgeseq.choose.comparison.plan import Plan, title
from edgeseq.choose.metric import Metric
from edgeseq.choose.scores import WindowScores
from edgeseq.choose.statistics import Interval
from edgeseq.measure.measurement import Measurement


@dataclass(frozen=True, slots=True, eq=False)
class SeedResult:
    """One trained model. score: of the integers on the test part, float_score: of the float model; seconds: of training.

    metrics: all figures of the task, of the integers. history: one entry per epoch.
    """

    seed: int
    scores: WindowScores
    float_score: float
    seconds: float
    epochs: int
    status: str
    metrics: dict[str, Any]
    history: tuple[dict[str, float], ...]

    @property
    def score(self) -> float:
        """The metric of the integers."""
        return self.scores.value


@dataclass(frozen=True, slots=True, eq=False)
class CellResult:
    """A cell and its models. cost: measured of the first seed's model; seeds: the finished ones, at least one.

    band: of the mean over seeds, None of one seed.
    """

    cell: str
    units: tuple[int, ...]
    parameters: int
    cost: Measurement
    seeds: tuple[SeedResult, ...]
    efficiency: Efficiency
    band: Interval | None

    @property
    def title(self) -> str:
        """Such as GRU(32)."""
        return title(self.cell, self.units)

    @property
    def mean(self) -> float:
        """Mean of the integers' metric over seeds."""
        return statistics.mean(each.score for each in self.seeds)

    @property
    def std(self) -> float | None:
        """Standard deviation over seeds; None of one."""
        return statistics.stdev(each.score for each in self.seeds) if len(self.seeds) > 1 else None

    @property
    def seconds(self) -> float:
        """Time of training: the median over seeds, which a pause of the machine does not move."""
        return statistics.median(each.seconds for each in self.seeds)


@dataclass(frozen=True, slots=True)
class PairResult:
    """Two cells. difference: mean of a minus that of b, over the seeds that both have; verdict: one sentence."""

    a: str
    b: str
    difference: Interval
    seeds: int
    verdict: str


@dataclass(frozen=True, slots=True, eq=False)
class CellComparison:
    """A comparison, finished or not. baseline: the metric of an answer without a network.

    drawn: what the bootstrap draws beside seeds, test windows or subjects, and how many there are. notes: of the
    matching. cells: those with a finished model; pairs: those with two seeds in common.
    """

    plan: Plan
    metric: Metric
    baseline: float
    drawn: tuple[str, int]
    notes: tuple[str, ...]
    cells: tuple[CellResult, ...]
    pairs: tuple[PairResult, ...]

    @property
    def complete(self) -> bool:
        """Whether every cell has all its seeds."""
        return len(self.cells) == len(self.plan.cells) and all(len(each.seeds) == self.plan.seeds for each in self.cells)
