"""Candidates that another search trained on the same data: costed for this target, trained no more.

What a network learns and how its integers score does not depend on where it shall run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseq.choose.search.loop import Search
from edgeseq.choose.search.proposals.fit import fit, why_not
from edgeseq.choose.search.proposals.space import parameters, suggest
from edgeseq.choose.search.study.records import RunFolder, close_infeasible, close_trained, propose, results
from edgeseq.choose.search.study.storage import ORIGIN, changed, identity_of, read_study, rerun_lost
from edgeseq.choose.search.trials.trial import out_of_time
from edgeseq.errors import SearchError

# What a trained candidate depends on, of a study's identity.
SAME = ("data", "task", "epochs", "patience", "seed")


@dataclass(frozen=True, slots=True)
class Reused:
    """How many candidates were taken over, and how many more do not fit here."""

    taken: int
    too_large: int


def read_other(place: Path, name: str, identity: dict[str, Any]) -> Any:
    """Return the study of the search in a folder, to take candidates from. name: of the study.

    Raises SearchError where there is no such search, or one of other data, task, epochs, patience or seed.
    """
    database = RunFolder(place).database
    if not database.is_file():
        raise SearchError(f"{place}: no search to take candidates from: it has no {database.name}. Give the --out of one")
    study = read_study(database, name)
    _check_same(place, identity_of(study), identity)
    return study


def reuse(study: Any, search: Search, place: Path, other: Any) -> Reused:
    """Take over what another search has trained, as far as the space holds it. place, other: its folder and study."""
    before = [each for each in study.get_trials(deepcopy=False) if each.user_attrs.get("status") != "failed"]
    ended = {each.user_attrs.get(ORIGIN) for each in before if each.state.is_finished()}
    # Queued, and then the process was killed.
    queued = {each.user_attrs.get(ORIGIN) for each in before} - ended
    taken = too_large = 0
    for origin, candidate, result in results(other, RunFolder(place)):
        if origin in ended or out_of_time(result.reason):
            continue
        try:
            wanted = parameters(candidate, search.space)
        except ValueError:  # not among this search's choices
            continue
        if origin not in queued:
            study.enqueue_trial(wanted, user_attrs={ORIGIN: origin})
        trial = _next_of(study, origin)
        proposal = suggest(trial, search.space)
        found = fit(proposal.configuration, search.budget, search.target, search.options.modes)
        propose(trial, proposal, found)
        if found.excess:
            close_infeasible(study, trial, why_not(found, search.budget))
            too_large += 1
        else:
            close_trained(study, trial, result, search.folder, search.metric)
            taken += 1
    # Those that stood before ours in the queue go there again.
    rerun_lost(study)
    return Reused(taken, too_large)


def _next_of(study: Any, origin: str) -> Any:
    """Ask until the queue comes to the candidate of that origin; what stands before it was begun by nobody."""
    while True:
        trial = study.ask()
        if trial.user_attrs.get(ORIGIN) == origin:
            return trial


def _check_same(place: Path, known: dict[str, Any], wanted: dict[str, Any]) -> None:
    for key in SAME:
        if known.get(key) != wanted[key]:
            raise SearchError(
                f"{place}: its candidates were trained otherwise: {changed(key, known.get(key), wanted[key])}. "
                "Ask for the same, or leave --reuse out"
            )
