"""results.json of a search, whole after every trial."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from edgeseq._version import __version__
from edgeseq.choose.about_data import describe
from edgeseq.choose.scores import baseline, drawn
from edgeseq.choose.search.answer.difference import score_interval
from edgeseq.choose.search.answer.explain import explain
from edgeseq.choose.search.answer.finalists import pick
from edgeseq.choose.search.answer.verdict import Verdict, judge
from edgeseq.choose.search.loop import Search
from edgeseq.choose.search.study.candidate import Candidate, is_unmeasurable
from edgeseq.choose.search.study.front import measured_front
from edgeseq.choose.search.study.storage import without_password
from edgeseq.data import DataSet
from edgeseq.files import write_atomically

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """What a search came to. reasons: by name, why a candidate is not recommended."""

    candidates: tuple[Candidate, ...]
    verdict: Verdict
    reasons: dict[str, str | None]
    front: tuple[str, ...]
    document: dict[str, Any]


def conclude(search: Search, data: DataSet, candidates: list[Candidate], command: list[str], *, finished: bool = True) -> Choice:
    """Judge what is known now, and describe it. finished: whether all was trained that was asked for."""
    waiting = unmeasured(candidates, search)
    name, scores = baseline(data, data.test)
    verdict = judge(candidates, search.budget, search.metric, (name, scores.by(drawn(data, data.test).blocks)))
    sentences = [*_unfinished(waiting, finished=finished), *verdict.sentences, *_ruled_out(candidates)]
    reasons = explain(candidates, verdict.recommended, search.budget, search.metric)
    names = tuple(measured_front(candidates, search.metric))
    document = {
        "schema": SCHEMA,
        "kind": "search",
        "version": __version__,
        "command": [without_password(word) for word in command],
        "data": describe(data, data.validation),
        "target": search.target.as_json(),
        "metric": search.metric.as_json(),
        "budget": asdict(search.budget),
        "space": search.space.as_json(),
        "options": asdict(search.options),
        "candidates": [_described(each, reasons[each.name], search) for each in candidates],
        "recommended": verdict.recommended.name if verdict.recommended else None,
        "recommended_score": verdict.chosen_score(search.metric),
        "verdict": sentences,
        "margins": [each.as_json() for each in verdict.margins],
        "complete": finished and not waiting,
        "front": list(names),
        "prediction_error": search.target.prediction_error,
    }
    return Choice(tuple(candidates), verdict, reasons, names, document)


def _described(candidate: Candidate, reason: str | None, search: Search) -> dict[str, Any]:
    interval = score_interval(candidate.measured, search.metric) if candidate.measured else None
    return candidate.as_json(reason, search.budget, interval)


def unmeasured(candidates: list[Candidate], search: Search) -> list[Candidate]:
    """Return the finalists that still have to be measured; those that could not be say so in their reason."""
    finalists = pick(candidates, search.metric, search.options.finalists)
    return [each for each in finalists if each.measured is None and not is_unmeasurable(each)]


def _unfinished(waiting: list[Candidate], *, finished: bool) -> list[str]:
    """Say that the verdict is of what is known so far."""
    if waiting:
        return [f"Not finished: {', '.join(each.name for each in waiting)} still to be measured."]
    return [] if finished else ["Not finished: more candidates are to be trained."]


def _ruled_out(candidates: list[Candidate]) -> list[str]:
    """Name the finalists that no figure stands for: the recommendation was made without them."""
    return [f"{each.name} {each.reason}." for each in candidates if is_unmeasurable(each)]


def write(search: Search, choice: Choice) -> None:
    """Replace results.json. Raises OutputError."""
    write_atomically(search.folder.results, json.dumps(choice.document, indent=1) + "\n")
