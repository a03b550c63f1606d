"""The ask/tell loop: propose, predict, prune what does not fit, hand the rest to workers, keep what they find."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from edgeseq.choose.budget import Budget
from edgeseq.choose.metric import Metric
from edgeseq.choose.search.proposals.fit import first, fit, shrunk, why_not
from edgeseq.choose.search.proposals.space import Proposal, Space, parameters, suggest
from edgeseq.choose.search.proposals.target import Target
from edgeseq.choose.search.study.promising import promising
from edgeseq.choose.search.study.records import RunFolder, close_failed, close_infeasible, close_trained, propose
from edgeseq.choose.search.study.storage import BEAT_S, LOST, ORIGIN, beat
from edgeseq.choose.search.trials.median import MedianRule
from edgeseq.choose.search.trials.trial import TrialSpec, out_of_time, run_trial
from edgeseq.choose.search.trials.workers import Outcome, Workers
from edgeseq.targets import OPTIMIZE_MODES, Optimize

# Proposals in a row that may not fit before the last one is made smaller until it does.
TRIES = 24
# A candidate whose worker dies is tried so often.
ATTEMPTS = 2
# Share of the time that is left for measuring finalists.
MEASURING = 0.2
WAIT_S = 1.0
# Called with (ended trials, wanted trials, words about the last one).
Notify = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How long and how thoroughly. trials: that are trained; time_s: of all, finalists included; patience: as of a Recipe."""

    trials: int = 40
    time_s: float | None = None
    epochs: int = 20
    patience: int = 8
    finalists: int = 4
    qat: bool = False
    qat_epochs: int = 8
    seed: int = 0
    modes: tuple[Optimize, ...] = OPTIMIZE_MODES

    @property
    def measured_qat_epochs(self) -> int | None:
        """For how long finalists are trained with the integers; None: they are not."""
        return self.qat_epochs if self.qat else None


@dataclass(frozen=True, slots=True)
class Search:
    """What one search is about."""

    space: Space
    budget: Budget
    target: Target
    metric: Metric
    options: SearchOptions
    folder: RunFolder


@dataclass(slots=True)
class _State:
    """What the loop keeps: running jobs with their trial, spec and attempts, how many were begun, and how many count as done."""

    started: float
    running: dict[int, tuple[Any, TrialSpec, int]] = field(default_factory=dict)
    begun: int = 0
    ended: int = 0
    last_beat: float = 0.0
    exhausted: bool = False


def warm_start(study: Any, search: Search) -> None:
    """Queue what a search begins with, again where time ended it: the search cannot end below these."""
    # A trial that waits has its parameters elsewhere than one that was begun.
    trials = [each for each in study.get_trials(deepcopy=False) if not out_of_time(each.user_attrs.get("reason"))]
    known = [each.params or each.system_attrs.get("fixed_params") for each in trials]
    for candidate in first(search.space, search.budget, search.target, search.options.modes):
        if parameters(candidate, search.space) not in known:
            study.enqueue_trial(parameters(candidate, search.space))


def run_search(
    study: Any, search: Search, workers: Workers, notify: Notify, after: Callable[[], None], check: Callable[[], None]
) -> None:
    """Search until enough trials have been trained or the time is up.

    after: called when a trial has ended; check: raises if the user wants it to end. Whatever
    interrupts it, what has ended is in the study.
    """
    state = _State(time.monotonic(), ended=_counted(study))
    while True:
        check()
        while _may_begin(state, search, workers):
            if not _begin(study, search, workers, state, notify):
                state.exhausted = True
                break
            after()
        if not state.running:
            return
        for outcome in workers.wait(WAIT_S):
            if _end(study, search, workers, state, outcome, notify):
                after()
        if time.monotonic() - state.last_beat > BEAT_S:
            beat(study)
            state.last_beat = time.monotonic()


def _counted(study: Any) -> int:
    """Trials that were worked on here; those that a killed process lost are queued again, so they do not count."""
    worked = ("trained", "stopped early", "failed")
    kept = [each.user_attrs for each in study.get_trials(deepcopy=False) if ORIGIN not in each.user_attrs]
    return sum(each.get("status") in worked and not str(each.get("reason")).startswith(LOST) for each in kept)


def _left(state: _State, search: Search) -> float | None:
    if search.options.time_s is None:
        return None
    return search.options.time_s * (1 - MEASURING) - (time.monotonic() - state.started)


def _may_begin(state: _State, search: Search, workers: Workers) -> bool:
    left = _left(state, search)
    enough = state.ended + len(state.running) >= search.options.trials
    return not state.exhausted and not enough and len(state.running) < workers.slots and (left is None or left > 0)


def _begin(study: Any, search: Search, workers: Workers, state: _State, notify: Notify) -> bool:
    """Hand one candidate that fits to a worker, every other one for its score alone. False: nothing that fits was found."""
    if state.begun % 2:
        _queue_promising(study, search)
    found = _next_that_fits(study, search, state, notify)
    if found is None:
        return False
    trial, proposal = found
    state.begun += 1
    options = search.options
    rule = MedianRule(_curves(study, search.metric), max(2, options.epochs // 5))
    spec = TrialSpec(trial.number, proposal, options.epochs, options.patience, options.seed, rule, _left(state, search))
    state.running[workers.submit(run_trial, spec)] = (trial, spec, 1)
    return True


def _queue_promising(study: Any, search: Search) -> None:
    """Queue a candidate for the score alone, one that fits, unless others wait or too little is known yet."""
    from optuna.trial import TrialState

    if study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        return
    limits = search.budget, search.target, search.options.modes
    found: Proposal | None = None
    for found in islice(promising(study, search.space, search.metric, search.options.seed + len(study.trials)), TRIES):
        if not fit(found.configuration, *limits).excess:
            break
    else:
        found = shrunk(found, search.space, *limits) if found else None
    if found is not None:
        study.enqueue_trial(parameters(found, search.space))


def _next_that_fits(study: Any, search: Search, state: _State, notify: Notify) -> tuple[Any, Proposal] | None:
    for tried in range(1, 4 * TRIES + 1):
        trial = study.ask()
        proposal = suggest(trial, search.space)
        found = fit(proposal.configuration, search.budget, search.target, search.options.modes)
        propose(trial, proposal, found)
        if not found.excess:
            return trial, proposal
        close_infeasible(study, trial, why_not(found, search.budget))
        notify(state.ended, search.options.trials, f"#{trial.number} {proposal.configuration.title}: does not fit")
        if tried % TRIES == 0:
            smaller = shrunk(proposal, search.space, search.budget, search.target, search.options.modes)
            if smaller is not None:
                study.enqueue_trial(parameters(smaller, search.space))
    return None


def _curves(study: Any, metric: Metric) -> tuple[tuple[float, ...], ...]:
    """Validation figure of each epoch of every trial that ended with one."""
    sign = 1 if metric.watched == "val_accuracy" else -1
    ended = [each.user_attrs for each in study.get_trials(deepcopy=False) if each.state.is_finished()]
    histories = [kept.get("history") for kept in ended if not out_of_time(kept.get("reason"))]
    return tuple(tuple(sign * epoch[metric.watched] for epoch in history) for history in histories if history)


def _end(study: Any, search: Search, workers: Workers, state: _State, outcome: Outcome, notify: Notify) -> bool:
    """Keep what a job found, or try it again where its worker died. True: the trial has ended."""
    trial, spec, attempt = state.running.pop(outcome.job)
    title = f"#{trial.number} {spec.proposal.configuration.title}"
    if outcome.lost and attempt < ATTEMPTS:
        trial.set_user_attr("attempts", attempt + 1)
        spec = replace(spec, seconds=_left(state, search))
        notify(state.ended, search.options.trials, f"{title}: {outcome.error}; trying again")
        state.running[workers.submit(run_trial, spec)] = (trial, spec, attempt + 1)
        return False
    state.ended += 1
    if outcome.error is not None:
        often = f" {ATTEMPTS} times" if outcome.lost else ""
        close_failed(study, trial, f"failed{often}: {outcome.error}")
        notify(state.ended, search.options.trials, f"{title}: failed{often}: {outcome.error}")
        return True
    result = outcome.value
    close_trained(study, trial, result, search.folder, search.metric)
    told = f"{title}: validation {search.metric.text(result.score)}, {result.seconds:.0f} s"
    notify(state.ended, search.options.trials, told + (f", {result.status}" if result.status != "trained" else ""))
    return True
