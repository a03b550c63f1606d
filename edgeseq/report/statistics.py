"""Intervals of what a report shows."""

from __future__ import annotations

import math

from edgeseq.report.results import Candidate, Results

# Standard normal quantile of a two-sided interval of 95 %.
Z95 = 1.959963984540054


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % score interval of a share of `count` windows (Wilson 1927).

    >>> tuple(round(end, 4) for end in wilson(0.5, 10))
    (0.2366, 0.7634)
    """
    middle = share + Z95**2 / (2 * count)
    half = Z95 * math.sqrt(share * (1 - share) / count + Z95**2 / (4 * count**2))
    scale = 1 + Z95**2 / count
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def interval(results: Results, candidate: Candidate) -> tuple[float, float] | None:
    """Interval of a candidate's metric over test windows: the file's own, or Wilson's where windows were counted."""
    if candidate.accuracy is None or candidate.accuracy_interval is not None:
        return candidate.accuracy_interval
    windows = sum(map(sum, candidate.confusion or ()))
    if not (candidate.measured and windows and results.metric.name == "accuracy" and results.metric.is_share):
        return None
    return wilson(min(1.0, max(0.0, candidate.accuracy)), windows)
