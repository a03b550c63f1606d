"""The Pareto front: what nothing else beats in score and cost at once."""

from __future__ import annotations

from collections.abc import Sequence

from edgeseq.choose.budget import Cost
from edgeseq.choose.metric import Metric
from edgeseq.choose.search.study.candidate import Candidate

FIGURES = ("flash_bytes", "ram_bytes", "latency_us", "energy_uj")


def point(score: float, cost: Cost) -> tuple[float, ...]:
    """Return the figures to make small: the score's goodness negated, then costs; instructions stand for a missing latency."""
    costs = [getattr(cost, name) for name in FIGURES]
    if cost.latency_us is None:
        costs[2] = cost.cycles if cost.cycles is not None else cost.instructions
    return (-score, *(0.0 if value is None else float(value) for value in costs))


def dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether a is nowhere worse than b, and somewhere better.

    >>> dominates((-0.9, 100.0), (-0.8, 100.0)), dominates((-0.9, 100.0), (-0.8, 90.0)), dominates((1.0,), (1.0,))
    (True, False, False)
    """
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


def front(points: Sequence[tuple[float, ...]]) -> list[int]:
    """Return the indices of points that no other dominates."""
    return [i for i, each in enumerate(points) if not any(dominates(other, each) for other in points)]


def validation_point(candidate: Candidate, metric: Metric) -> tuple[float, ...]:
    """Return a trained candidate's point: validation score and predicted cost."""
    assert candidate.validation is not None
    assert candidate.predicted is not None
    return point(metric.goodness(candidate.validation), candidate.predicted)


def measured_front(candidates: Sequence[Candidate], metric: Metric) -> list[str]:
    """Return the names of the front of measured points, best score first."""
    found = [each for each in candidates if each.measured and each.measured.mismatches == 0]
    points = [point(metric.goodness(each.measured.shown.score), each.measured.cost) for each in found if each.measured]
    chosen = sorted(front(points), key=lambda index: points[index])
    return [found[index].name for index in chosen]
