"""Which candidates a report dwells on, and which of them beat the others."""

from __future__ import annotations

from collections.abc import Sequence

from edgeseq.report.figures import Figure, cost
from edgeseq.report.results import Candidate, Metric, Results

# More curves in one picture cannot be told apart.
MOST_SHOWN = 8


def rank(metric: Metric, candidate: Candidate) -> tuple[bool, bool, bool, float, float]:
    """Sort key, best first: what fits, then what was measured, then by metric, then by flash."""
    score = 0.0 if candidate.accuracy is None else metric.key(candidate.accuracy)
    return (
        candidate.accuracy is None,
        not candidate.feasible,
        not candidate.measured,
        score,
        candidate.flash_bytes or 0.0,
    )


def best_of(results: Results, cell: str) -> Candidate | None:
    """Return the best candidate of one cell that has a score: one that fits and was measured, if there is one."""
    own = [each for each in results.candidates if each.cell == cell and each.accuracy is not None]
    return min(own, key=lambda each: rank(results.metric, each), default=None)


def shown(results: Results) -> tuple[Candidate, ...]:
    """Return the recommended candidate, the best GRU and LSTM, then the rest of the front, each once."""
    chosen = [results.candidate(results.recommended), best_of(results, "gru"), best_of(results, "lstm")]
    chosen += [results.candidate(name) for name in results.front]
    if not any(chosen):
        chosen = list(sorted(results.candidates, key=lambda each: rank(results.metric, each))[:1])
    names = dict.fromkeys(each.name for each in chosen if each is not None)
    return tuple(each for each in map(results.candidate, list(names)[:MOST_SHOWN]) if each is not None)


def undominated(metric: Metric, candidates: Sequence[Candidate], figure: Figure) -> tuple[Candidate, ...]:
    """Return the front of metric against one cost, cheapest first: each is better than all cheaper ones."""
    points = [(value, each) for each in candidates if (value := cost(each, figure)) is not None and each.accuracy is not None]
    points.sort(key=lambda point: (point[0], metric.key(point[1].accuracy or 0.0)))
    front: list[Candidate] = []
    for _, each in points:
        if not front or metric.better(each.accuracy or 0.0, front[-1].accuracy or 0.0):
            front.append(each)
    return tuple(front)
