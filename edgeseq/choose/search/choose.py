"""The whole search: study, trials, finalists, verdict; whatever ends it early, what was found is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from edgeseq.choose.search import results
from edgeseq.choose.search.answer.finalists import MeasureSpec, as_measured, measure, pick
from edgeseq.choose.search.interrupts import interrupts
from edgeseq.choose.search.loop import ATTEMPTS, WAIT_S, Search, run_search, warm_start
from edgeseq.choose.search.proposals.fit import check_something_fits
from edgeseq.choose.search.results import Choice, conclude
from edgeseq.choose.search.reuse import read_other, reuse
from edgeseq.choose.search.study.candidate import UNMEASURED, Candidate
from edgeseq.choose.search.study.records import candidates, directions, source_of, write_measured
from edgeseq.choose.search.study.storage import BEAT_S, beat, open_study, release, rerun_lost
from edgeseq.choose.search.trials.trial import TrialSpec
from edgeseq.choose.search.trials.workers import Workers
from edgeseq.data import DataSet
from edgeseq.data.prepared import fingerprint
from edgeseq.errors import SearchError
from edgeseq.files import write_atomically
from edgeseq.measure.measurement import Measurement

# Rounds of finalists, should none of a round keep the budget when measured.
ROUNDS = 3


class Progress(Protocol):
    """Told how far a search is."""

    def stage(self, words: str, total: int) -> None:
        """A stage of so many steps begins."""
        ...

    def advance(self, done: int, words: str) -> None:
        """So many steps are done; words say what just happened."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. data: as `prepare` returns it. storage: None for a file in the folder. command: to repeat it.

    reuse: folders of searches whose trained candidates a new study takes over.
    """

    search: Search
    data: DataSet
    workers: Callable[[DataSet], Workers]
    render: Callable[[Measurement], dict[str, Any]]
    command: list[str]
    storage: str | None = None
    study: str = "edgeseq"
    resume: bool = False
    reuse: tuple[Path, ...] = ()


class SearchInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a search. choice: what is known so far, as results.json has it."""

    def __init__(self, choice: Choice) -> None:
        super().__init__("interrupted")
        self.choice = choice


def choose(request: Request, progress: Progress) -> Choice:
    """Search, measure the finalists and recommend. results.json is whole after every trial.

    Raises BudgetError where nothing fits, SearchError where the study cannot be used, SearchInterrupted on Ctrl-C.
    """
    search = request.search
    search.target.check(search.budget)
    with interrupts() as check:
        return _choose(request, progress, check)


def _choose(request: Request, progress: Progress, check: Callable[[], None]) -> Choice:
    search = request.search
    check_something_fits(search.space, search.target, search.budget, search.options.modes)
    # Before there is a study that a second try would find.
    workers = request.workers(request.data)
    try:
        study = _study(request, progress)
    except BaseException:
        workers.close()
        raise
    failures: dict[int, str] = {}
    finished = False

    def report() -> Choice:
        known = [_with_failure(each, failures) for each in known_of(study, search)]
        choice = conclude(search, request.data, known, request.command, finished=finished)
        results.write(search, choice)
        return choice

    try:
        progress.stage("searching", search.options.trials)
        run_search(study, search, workers, lambda done, _, words: progress.advance(done, words), lambda: _ignore(report()), check)
        finished = True
        check()
        _measure_finalists(request, study, workers, progress, failures, report, check)
        return report()
    except KeyboardInterrupt:
        raise SearchInterrupted(report()) from None
    finally:
        workers.close()
        release(study)


def _ignore(choice: Choice) -> None:
    """Only the file that `report` writes matters while the search goes on."""


def known_of(study: Any, search: Search) -> list[Candidate]:
    """Return what is known of every trial that has ended, with measurements as this search makes them."""
    return candidates(study, search.folder, search.options.measured_qat_epochs)


def _study(request: Request, progress: Progress) -> Any:
    """Open the study; queue what a killed process left undone, take over what was trained elsewhere, begin with the plainest.

    Each leaves out what is there already, so that a process may be killed between them.
    """
    search, about = request.search, identity(request)
    for place in request.reuse:
        if place.resolve() == search.folder.path.resolve():
            raise SearchError(f"--reuse {place}: is the folder of this search itself. Leave it out; --resume goes on with it")
    # Read before there is a study of our own that a second try would find.
    others = {place: read_other(place, request.study, about) for place in request.reuse}
    study = open_study(
        request.storage or search.folder.database,
        request.study,
        about,
        directions(search.metric, energy=search.target.run_watts is not None),
        resume=request.resume,
        seed=search.options.seed,
        leftovers=search.folder.leftovers(),
    )
    rerun_lost(study)
    for done, (place, other) in enumerate(others.items(), 1):
        progress.stage("taking candidates over", len(others))
        found = reuse(study, search, place, other)
        progress.advance(done, f"{place}: {found.taken} candidates taken over, {found.too_large} more do not fit here")
    warm_start(study, search)
    return study


def identity(request: Request) -> dict[str, Any]:
    """Return what a study's trials depend on; how long it goes on and how finalists are measured may change."""
    search = request.search
    return {
        "data": fingerprint(request.data),
        "task": request.data.task,
        "target": {"name": search.target.name, "clock_hz": search.target.clock_hz},
        "space": search.space.as_json(),
        "budget": asdict(search.budget),
        "epochs": search.options.epochs,
        "patience": search.options.patience,
        "seed": search.options.seed,
        "optimize": list(search.options.modes),
    }


def _measure_finalists(
    request: Request,
    study: Any,
    workers: Workers,
    progress: Progress,
    failures: dict[int, str],
    report: Callable[[], Choice],
    check: Callable[[], None],
) -> None:
    """Measure the best candidates, and the next ones where none of them keeps the budget."""
    search = request.search

    last_beat = 0.0

    def alive() -> None:
        """Say so while a finalist is trained on or measured, which may take minutes."""
        nonlocal last_beat
        if time.monotonic() - last_beat > BEAT_S:
            beat(study)
            last_beat = time.monotonic()
        check()

    for round_number in range(1, ROUNDS + 1):
        known = known_of(study, search)
        open_ones = [each for each in known if each.number not in failures]
        finalists = pick(open_ones, search.metric, round_number * search.options.finalists)
        wanted = [each for each in finalists if each.measured is None]
        if wanted:
            progress.stage("measuring finalists", len(wanted))
            _measure(request, wanted, workers, progress, failures, report, alive)
        if any(each.fits(search.budget) for each in known_of(study, search)):
            return
    if failures and not any(each.measured for each in known_of(study, search)):
        raise SearchError(
            f"no finalist could be measured: {next(iter(failures.values()))}. The trials are kept: put that right and "
            "add --resume"
        )


def _measure(
    request: Request,
    wanted: list[Candidate],
    workers: Workers,
    progress: Progress,
    failures: dict[int, str],
    report: Callable[[], Choice],
    alive: Callable[[], None],
) -> None:
    search = request.search
    running: dict[int, tuple[Candidate, int]] = {}
    waiting, done = list(wanted), 0
    while running or waiting:
        alive()
        # No more than there are slots: a worker that dies takes along what was queued behind its job.
        while waiting and len(running) < workers.slots:
            candidate = waiting.pop(0)
            running[workers.submit(measure, _spec(request, candidate))] = (candidate, 1)
        for outcome in workers.wait(WAIT_S):
            candidate, attempt = running.pop(outcome.job)
            if outcome.lost and attempt < ATTEMPTS:
                running[workers.submit(measure, _spec(request, candidate))] = (candidate, attempt + 1)
                continue
            done += 1
            if outcome.error is not None:
                failures[candidate.number] = outcome.error
                progress.advance(done, f"{candidate.name}: {UNMEASURED}: {outcome.error}")
                continue
            finding = outcome.value
            beside = search.folder.measurement(candidate.number)
            write_atomically(beside.with_suffix(".keras"), finding.keras)
            write_atomically(beside.with_suffix(".esq"), finding.esq)
            measured = as_measured(
                finding, request.render, source_of(search.folder, candidate.number, search.options.measured_qat_epochs)
            )
            write_measured(beside, measured)
            score = search.metric.text(measured.shown.score)
            progress.advance(done, f"{candidate.name}: {score}, {measured.mismatches} mismatches")
            report()


def _spec(request: Request, candidate: Candidate) -> MeasureSpec:
    search, options = request.search, request.search.options
    trial = TrialSpec(candidate.number, candidate.proposal, options.epochs, options.patience, options.seed)
    # All modes: a prediction decides what is trained, never what is recommended.
    keras_file, esq_file = (search.folder.path / candidate.files[kind] for kind in ("keras", "esq"))
    target = search.target.board or search.target.core.name
    files = keras_file.read_bytes(), esq_file.read_bytes()
    return MeasureSpec(trial, *files, target, options.modes, search.budget, search.target.clock, options.measured_qat_epochs)


def _with_failure(candidate: Candidate, failures: dict[int, str]) -> Candidate:
    words = failures.get(candidate.number)
    return candidate if words is None else replace(candidate, reason=f"{UNMEASURED}: {words}")


def remains(folder: Path) -> str:
    """Say how to go on with an interrupted search."""
    return f"go on with the same command and --resume; what was found is in {folder}"
