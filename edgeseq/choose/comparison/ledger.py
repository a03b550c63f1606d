"""What is known so far: records of finished models, what each network costs, and the comparison that follows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from edgeseq.choose import scores
from edgeseq.choose.about_data import task_shape
from edgeseq.choose.comparison import matching
from edgeseq.choose.comparison.efficiency import efficiency
from edgeseq.choose.comparison.matching import Matched
from edgeseq.choose.comparison.plan import Plan, title
from edgeseq.choose.comparison.result import CellComparison, CellResult, PairResult, SeedResult
from edgeseq.choose.comparison.sentences import verdict
from edgeseq.choose.comparison.store import Record, model_paths, read_record
from edgeseq.choose.comparison.training import Job, profile_inputs
from edgeseq.choose.metric import METRICS, Metric
from edgeseq.choose.statistics import Interval, paired, single
from edgeseq.data import DataSet
from edgeseq.errors import DataError
from edgeseq.measure.measurement import Measurement
from edgeseq.measure.profile import profile
from edgeseq.quantize import read_esq


@dataclass(slots=True)
class Ledger:
    """Finished models of one data set, by job; costs and intervals are computed once.

    Raises DataError where the test part cannot be scored.
    """

    data: DataSet
    plan: Plan
    folder: Path
    records: dict[Job, Record] = field(default_factory=dict)
    drawn: scores.Drawn = field(init=False)
    baseline: float = field(init=False)
    _costs: dict[str, Measurement] = field(default_factory=dict)
    _intervals: dict[tuple[str, ...], Interval] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.data.test.y is None:
            raise DataError(f"{self.data.name}: its test part has no targets to compare by; choose another --task")
        self.drawn = scores.drawn(self.data, self.data.test)
        self.baseline = scores.baseline(self.data, self.data.test)[1].value

    @property
    def metric(self) -> Metric:
        """What decides."""
        return METRICS[self.data.task]

    def parameters(self, cell: str, units: tuple[int, ...]) -> int:
        """Trainable parameters of a network for these data."""
        shape = task_shape(self.data)
        return matching.parameters(cell, units, shape.features, shape.outputs)

    def collect(self, job: Job) -> bool:
        """Read a model's record; returns whether the model is finished."""
        record = read_record(model_paths(self.folder, job.name).record)
        if record is not None:
            self.records[job] = record
        return record is not None

    def line(self, job: Job) -> str:
        """One finished model in words."""
        value = self.records[job].scores.value
        shown = f"{100 * value:.2f} %" if self.metric.unit == "share" else f"{value:.4g}"
        seconds = self.records[job].description["seconds"]
        return f"{title(job.cell, job.units)} seed {job.seed}: {self.metric.words} {shown}, {seconds:.0f} s"

    def result(self, matched: Iterable[Matched]) -> CellComparison:
        """Return the comparison as it stands."""
        given = tuple(matched)
        cells = tuple(found for found in (self.cell(each.cell, each.units) for each in given) if found is not None)
        pairs = (self.pair(a, b) for a, b in itertools.combinations(cells, 2))
        drawn = (self.drawn.what, self.drawn.count)
        notes = matching.notes_on(given, self.plan.match)
        found = tuple(pair for pair in pairs if pair is not None)
        return CellComparison(self.plan, self.metric, self.baseline, drawn, notes, cells, found)

    def cell(self, cell: str, units: tuple[int, ...]) -> CellResult | None:
        """Return what is known of one network; None before its first model is finished."""
        jobs = [job for job in (Job(cell, units, seed) for seed in range(self.plan.seeds)) if job in self.records]
        if not jobs:
            return None
        seeds = tuple(_seed_result(job.seed, self.records[job]) for job in jobs)
        mean = sum(each.score for each in seeds) / len(seeds)
        cost = self._cost(jobs[0])
        names = tuple(job.name for job in jobs)
        if len(seeds) > 1 and names not in self._intervals:
            self._intervals[names] = single([each.scores for each in seeds], self.drawn.blocks)
        return CellResult(
            cell,
            units,
            self.records[jobs[0]].description["parameters"],
            cost,
            seeds,
            efficiency(scores.gain(self.metric, mean, self.baseline), cost),
            self._intervals.get(names),
        )

    def _cost(self, job: Job) -> Measurement:
        """Measure a model on the target, once."""
        if job.name not in self._costs:
            graph = read_esq(model_paths(self.folder, job.name).esq)
            inputs, plan = profile_inputs(graph, self.data), self.plan
            measured = profile(graph, plan.target, compiler=plan.compiler, optimize=plan.optimize, inputs=inputs)
            self._costs[job.name] = measured
        return self._costs[job.name]

    def pair(self, a: CellResult, b: CellResult) -> PairResult | None:
        """Compare two networks over the seeds that both have; None of fewer than two."""
        common = sorted({each.seed for each in a.seeds} & {each.seed for each in b.seeds})
        if len(common) < 2:
            return None
        names = tuple(Job(cell.cell, cell.units, seed).name for cell in (a, b) for seed in common)
        if names not in self._intervals:
            one, other = ([each.scores for each in cell.seeds if each.seed in common] for cell in (a, b))
            self._intervals[names] = paired(one, other, self.drawn.blocks)
        difference = self._intervals[names]
        return PairResult(a.cell, b.cell, difference, len(common), verdict(a, b, difference, len(common), self.metric))


def _seed_result(seed: int, record: Record) -> SeedResult:
    known = record.description
    return SeedResult(
        seed,
        record.scores,
        known["float_score"],
        known["seconds"],
        known["epochs"],
        known["status"],
        known["metrics"],
        tuple(known["history"]),
    )
