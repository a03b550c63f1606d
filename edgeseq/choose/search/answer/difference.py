"""How far finalists are apart on the test part, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edgeseq.choose.metric import Metric
from edgeseq.choose.scores import WindowScores
from edgeseq.choose.search.study.candidate import Candidate, Measured
from edgeseq.choose.statistics import interval

DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean goodness of a minus that of b on the same test part. error: standard error; low, high: 95 % interval.

    The last three are infinite where there is but one window to draw: a difference of which nothing is known.
    """

    value: float
    error: float
    low: float
    high: float

    @property
    def tie(self) -> bool:
        """Whether it is within its standard error, where there is one."""
        return math.isfinite(self.error) and abs(self.value) <= self.error

    @property
    def shown(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0

    def interval(self, metric: Metric) -> str:
        """Return the interval as a person reads it."""
        if not math.isfinite(self.error):
            return "no interval: one test window"
        ends = (f"{100 * end:+.2f}" if metric.unit == "share" else f"{end:+.3g}" for end in (self.low, self.high))
        return f"95 % interval {' to '.join(ends)}"


def difference(a: WindowScores, b: WindowScores, metric: Metric) -> Difference:
    """Paired bootstrap over the parts of the scores (edgeseq.choose.statistics; 2,000 draws of a fixed seed)."""
    sign = 1 if metric.higher_is_better else -1
    return _difference(tuple((sign * (a.totals - b.totals)).tolist()), tuple(a.weights.tolist()))


# The same pairs are compared for the verdict, for the reasons, and after every trial.
@lru_cache(maxsize=512)
def _difference(totals: tuple[float, ...], weights: tuple[float, ...]) -> Difference:
    if len(totals) < 2:
        return Difference(sum(totals) / sum(weights), math.inf, -math.inf, math.inf)
    found = interval(np.array([totals]), np.array(weights), np.arange(len(totals)), draws=DRAWS)
    return Difference(found.estimate, found.error, found.low, found.high)


def scores_of(measured: Measured) -> WindowScores:
    """Return a finalist's scores on the test part."""
    return WindowScores(np.asarray(measured.shown.totals, float), np.asarray(measured.shown.weights, float))


def compared(a: Candidate, b: Candidate, metric: Metric) -> Difference:
    """Compare two measured candidates on the test part."""
    assert a.measured
    assert b.measured
    return difference(scores_of(a.measured), scores_of(b.measured), metric)


def goodness_of(scores: WindowScores, metric: Metric) -> Difference:
    """Return the goodness itself with its standard error and interval."""
    return difference(scores, WindowScores(np.zeros(len(scores.totals)), scores.weights), metric)


def score_interval(measured: Measured, metric: Metric) -> tuple[float, float] | None:
    """Return the 95 % interval of a finalist's score, as `interval_of` does."""
    return interval_of(scores_of(measured), metric)


def interval_of(scores: WindowScores, metric: Metric) -> tuple[float, float] | None:
    """Return the 95 % interval of a score, lowest first; None where there is one window to draw."""
    found = goodness_of(scores, metric)
    if not math.isfinite(found.error):
        return None
    low, high = sorted(metric.goodness(end) for end in (found.low, found.high))
    return (max(0.0, low), min(1.0, high)) if metric.unit == "share" else (low, high)
