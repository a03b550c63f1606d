"""A whole comparison: match, train every cell with every seed, measure, compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from pathlib import Path

from edgeseq.choose.comparison import matching
from edgeseq.choose.comparison.ledger import Ledger
from edgeseq.choose.comparison.matching import Matched
from edgeseq.choose.comparison.plan import Plan, title
from edgeseq.choose.comparison.result import CellComparison
from edgeseq.choose.comparison.store import open_folder, write_settings
from edgeseq.choose.comparison.training import Job, train_model, untrained_flash
from edgeseq.choose.comparison.workers import Workers, workers
from edgeseq.data import DataSet
from edgeseq.data.prepared import fingerprint
from edgeseq.errors import EdgeseqError, TrainingError
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
    check_target(plan)
    ledger = Ledger(data, plan, folder)
    settings = {"data": fingerprint(data), "task": data.task, **plan.fixed()}
    before = open_folder(folder, settings, resume=resume)
    tell = watch or _silent
    with ExitStack() as stack:
        helpers = LazyWorkers(lambda: stack.enter_context(workers(data, plan, folder, jobs)))
        matched = _matched(ledger, helpers, before, tell)
        write_settings(folder, settings, (*matched, *(each for each in before if each.cell not in plan.cells)))
        wanted = [Job(each.cell, each.units, seed) for seed in range(plan.seeds) for each in matched]
        missing = [job for job in wanted if not ledger.collect(job)]
        result = ledger.result(matched)
        tell("training", len(wanted) - len(missing), len(wanted))
        if save:
            save(result)
        for done, job in enumerate(trained(helpers, missing), len(wanted) - len(missing) + 1):
            ledger.collect(job)
            result = ledger.result(matched)
            tell(ledger.line(job), done, len(wanted))
            if save:
                save(result)
    return result


def _silent(words: str, done: int, total: int) -> None:
    """Nobody watches."""


def check_target(plan: Plan) -> None:
    """Raise TargetError or ToolchainError before hours of training, not after them."""
    target, _ = resolve_target(plan.target)
    if isinstance(target, Core):
        from edgeseq.firmware import find_toolchain

        find_toolchain(target, plan.compiler)


class LazyWorkers:
    """Processes that start when they are first needed."""

    def __init__(self, start: Callable[[], Workers]) -> None:
        self._start = start
        self._found: Workers | None = None

    def get(self) -> Workers:
        """Return them, started."""
        if self._found is None:
            self._found = self._start()
        return self._found


def trained(helpers: LazyWorkers, jobs: list[Job]) -> Iterator[Job]:
    """Train models and yield each when it is finished. Raises what the first that fails raises."""
    if not jobs:
        return
    waiting: dict[Future[str], Job] = {helpers.get().submit(train_model, job): job for job in jobs}
    while waiting:
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
            yield waiting.pop(future)


def _matched(ledger: Ledger, helpers: LazyWorkers, before: tuple[Matched, ...], tell: Watch) -> tuple[Matched, ...]:
    """Return the units of each cell, those of before where they are known."""
    plan = ledger.plan

    def flash(cell: str, units: tuple[int, ...]) -> int:
        tell(f"sizing {title(cell, units)} on {plan.target}", 0, len(plan.cells) * plan.seeds)
        return helpers.get().submit(_untrained_flash, cell, units).result()

    def of_units(cell: str, units: tuple[int, ...]) -> int:
        return units[0]

    size_of = {"flash": flash, "parameters": ledger.parameters, "units": of_units}[plan.match]
    return matching.match_all(plan, size_of, before)


def _untrained_flash(data: DataSet, plan: Plan, folder: Path, cell: str, units: tuple[int, ...]) -> int:
    try:
        return untrained_flash(data, plan, cell, units)
    except EdgeseqError as error:
        raise TrainingError(f"{title(cell, units)} cannot be sized for {plan.target}: {error}") from error
