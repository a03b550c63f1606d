"""A whole comparison: match, train every cell with every seed, measure, compare."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from edgeseq.choose.comparison import matching, scores
from edgeseq.choose.comparison.efficiency import efficiency
from edgeseq.choose.comparison.matching import Matched
from edgeseq.choose.comparison.plan import Plan, title
from edgeseq.choose.comparison.result import CellComparison, CellResult, PairResult, SeedResult
from edgeseq.choose.comparison.sentences import verdict
from edgeseq.choose.comparison.statistics import paired, single
from edgeseq.choose.comparison.store import Record, model_paths, open_folder, read_record, write_settings
from edgeseq.choose.comparison.training import Job, profile_inputs, train_model, untrained_flash
from edgeseq.choose.comparison.workers import Workers, workers
from edgeseq.data import DataSet
from edgeseq.data.prepared import fingerprint
from edgeseq.errors import DataError
from edgeseq.measure.measurement import Measurement
from edgeseq.measure.profile import profile
from edgeseq.quantize import read_esq
from edgeseq.targets import Core, resolve_target

# Called with the comparison as it stands whenever a model is finished.
Save = Callable[[CellComparison], None]
# Called with words, models done and models in all.
Watch = Callable[[str, int, int], None]


def compare(
    data: DataSet,
    plan: Plan,
    folder: Path,
    *,
    jobs: int = 2,
    resume: bool = False,
    save: Save | None = None,
    watch: Watch | None = None,
) -> CellComparison:
    """Compare cells on one data set; the folder keeps every finished model.

    jobs: processes that train. resume: go on with the comparison that the folder holds, with more seeds or cells too.
    Raises TrainingError, DataError, OutputError, TargetError, ToolchainError.
    """
    _check(data, plan)
    run = _Run(data, plan, folder)
    settings = {"data": fingerprint(data), "task": data.task, **plan.fixed()}
    before = open_folder(folder, settings, resume=resume)
    with ExitStack() as stack:
        helpers = _Lazy(lambda: stack.enter_context(workers(data, plan, folder, jobs)))
        matched = _matched(run, helpers, before, watch)
        write_settings(folder, settings, (*matched, *(each for each in before if each.cell not in plan.cells)))
        wanted = [Job(each.cell, each.units, seed) for seed in range(plan.seeds) for each in matched]
        open_jobs = [job for job in wanted if not run.collect(job)]
        result = run.result(matched)
        _tell(watch, "training", len(wanted) - len(open_jobs), len(wanted))
        if save:
            save(result)
        for done, job in enumerate(_trained(helpers, open_jobs), len(wanted) - len(open_jobs) + 1):
            run.collect(job)
            result = run.result(matched)
            _tell(watch, run.line(job), done, len(wanted))
            if save:
                save(result)
    return result


def _tell(watch: Watch | None, words: str, done: int, total: int) -> None:
    if watch:
        watch(words, done, total)


def _check(data: DataSet, plan: Plan) -> None:
    """Raise before hours of training what would be raised after them."""
    target, _ = resolve_target(plan.target)
    if isinstance(target, Core):
        from edgeseq.firmware import find_toolchain

        find_toolchain(target, plan.compiler)
    if data.test.y is None:
        raise DataError(f"{data.name}: its test part has no targets to compare by; choose another --task")


class _Lazy:
    """Processes that start when they are first needed."""

    def __init__(self, start: Callable[[], Workers]) -> None:
        self._start = start
        self._found: Workers | None = None

    def get(self) -> Workers:
        """Return them, started."""
        if self._found is None:
            self._found = self._start()
        return self._found


def _matched(run: _Run, helpers: _Lazy, before: tuple[Matched, ...], watch: Watch | None) -> tuple[Matched, ...]:
    """Return the units of each cell, those of before where they are known."""
    plan = run.plan

    def flash(cell: str, units: tuple[int, ...]) -> int:
        _tell(watch, f"sizing {title(cell, units)} on {plan.target}", 0, len(plan.cells) * plan.seeds)
        return helpers.get().submit(untrained_flash_of, cell, units).result()

    def counted(cell: str, units: tuple[int, ...]) -> int:
        return matching.parameters(cell, units, run.data.x_train.shape[2], run.outputs)

    def of_units(cell: str, units: tuple[int, ...]) -> int:
        return units[0]

    size_of = {"flash": flash, "parameters": counted, "units": of_units}[plan.match]
    return matching.match_all(plan, size_of, before)


def untrained_flash_of(data: DataSet, plan: Plan, folder: Path, cell: str, units: tuple[int, ...]) -> int:
    """Return the bytes of an untrained network's image, in a worker."""
    return untrained_flash(data, plan, cell, units)


def _trained(helpers: _Lazy, jobs: list[Job]) -> Iterator[Job]:
    """Train models and yield each when it is finished."""
    if not jobs:
        return
    waiting: dict[Future[str], Job] = {helpers.get().submit(train_model, job): job for job in jobs}
    while waiting:
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
            yield waiting.pop(future)


@dataclass(slots=True)
class _Run:
    """What is known so far; the records of finished models, and what each cell's first one costs."""

    data: DataSet
    plan: Plan
    folder: Path
    records: dict[Job, Record] = field(default_factory=dict)
    costs: dict[str, Measurement] = field(default_factory=dict)
    blocks: npt.NDArray[Any] = field(init=False)
    baseline: float = field(init=False)

    def __post_init__(self) -> None:
        self.blocks, self.baseline = scores.drawn_together(self.data.test), scores.baseline(self.data)

    @property
    def outputs(self) -> int:
        """Outputs of the head."""
        y = self.data.train.y
        assert y is not None
        return self.data.classes if scores.METRICS[self.data.task] is scores.ACCURACY else int(y.shape[-1])

    def collect(self, job: Job) -> bool:
        """Read a model's record; returns whether it is finished."""
        record = read_record(model_paths(self.folder, job.name).record)
        if record is not None:
            self.records[job] = record
        return record is not None

    def line(self, job: Job) -> str:
        """One finished model."""
        record, metric = self.records[job], scores.METRICS[self.data.task]
        value = f"{record.scores.value:.2%}" if metric.unit == "share" else f"{record.scores.value:.4g}"
        seconds = record.description["seconds"]
        return f"{title(job.cell, job.units)} seed {job.seed}: {metric.words} {value}, {seconds:.0f} s"

    def result(self, matched: tuple[Matched, ...]) -> CellComparison:
        """Return the comparison as it stands."""
        metric = scores.METRICS[self.data.task]
        cells = tuple(cell for cell in map(self._cell, matched) if cell is not None)
        pairs = [self._pair(a, b) for a, b in itertools.combinations(cells, 2)]
        kind = "test windows" if len(self.blocks) == self.blocks.max() + 1 else "test subjects"
        drawn = (kind, int(self.blocks.max()) + 1)
        notes = matching.notes_on(matched, self.plan.match)
        return CellComparison(
            self.plan, metric, self.baseline, drawn, notes, cells, tuple(pair for pair in pairs if pair is not None)
        )

    def _cell(self, matched: Matched) -> CellResult | None:
        jobs = [job for job in (Job(matched.cell, matched.units, seed) for seed in range(self.plan.seeds)) if job in self.records]
        if not jobs:
            return None
        seeds = tuple(_seed_result(job.seed, self.records[job]) for job in jobs)
        mean = sum(each.score for each in seeds) / len(seeds)
        cost = self._cost(jobs[0])
        return CellResult(
            matched.cell,
            matched.units,
            self.records[jobs[0]].description["parameters"],
            cost,
            seeds,
            efficiency(scores.gain(scores.METRICS[self.data.task], mean, self.baseline), cost),
            single([each.scores for each in seeds], self.blocks) if len(seeds) > 1 else None,
        )

    def _cost(self, job: Job) -> Measurement:
        """Measure a model on the target, once."""
        if job.name not in self.costs:
            graph = read_esq(model_paths(self.folder, job.name).esq)
            self.costs[job.name] = profile(
                graph,
                self.plan.target,
                compiler=self.plan.compiler,
                optimize=self.plan.optimize,
                inputs=profile_inputs(graph, self.data),
            )
        return self.costs[job.name]

    def _pair(self, a: CellResult, b: CellResult) -> PairResult | None:
        common = sorted({each.seed for each in a.seeds} & {each.seed for each in b.seeds})
        if len(common) < 2:
            return None
        one, other = ([each.scores for each in cell.seeds if each.seed in common] for cell in (a, b))
        difference = paired(one, other, self.blocks)
        words = verdict(a, b, difference, len(common), scores.METRICS[self.data.task])
        return PairResult(a.cell, b.cell, difference, len(common), words)


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
