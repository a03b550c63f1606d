"""When a poor trial is stopped: the median rule of Golovin et al., "Google Vizier" (KDD 2017), over finished trials."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

# Fewer curves say little about what is usual.
ENOUGH_CURVES = 4
Curve = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MedianRule:
    """curves: of finished trials, the best validation score up to each epoch, so that more is better.

    warm_up: epochs that every trial gets. The curves are those known when the trial began: a trial asks nobody.
    """

    curves: tuple[Curve, ...] = ()
    warm_up: int = 2

    def stops(self, best: float, epoch: int) -> float | None:
        """Return the median that a trial is below after this many epochs, where it should stop; None: it may go on.

        >>> rule = MedianRule(((0.5, 0.6, 0.7),) * 4)
        >>> rule.stops(0.6, 2), rule.stops(0.65, 3), rule.stops(0.7, 3)
        (None, 0.7, None)
        """
        if epoch <= self.warm_up:
            return None
        others = [curve[epoch - 1] for curve in self.curves if len(curve) >= epoch]
        if len(others) < ENOUGH_CURVES:
            return None
        median = statistics.median(others)
        return median if best < median else None


def best_so_far(scores: Sequence[float]) -> Curve:
    """Return the largest score up to each epoch.

    >>> best_so_far([0.2, 0.5, 0.4])
    (0.2, 0.5, 0.5)
    """
    found: list[float] = []
    for score in scores:
        found.append(max(score, found[-1]) if found else score)
    return tuple(found)
