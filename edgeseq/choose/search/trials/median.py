"""When a poor trial is stopped: the median rule of Golovin et al., "Google Vizier" (KDD 2017)."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

# Fewer curves say little about what is usual.
ENOUGH_CURVES = 4
Curve = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MedianRule:
    """curves: the validation score of each epoch of every trial that ended, so that more is better, never empty.

    Those that were stopped count too: a median of survivors alone would rise until only the best goes on.
    warm_up: epochs that every trial gets. The curves are those known when the trial began: a trial asks nobody.
    """

    curves: tuple[Curve, ...] = ()
    warm_up: int = 2

    def stops(self, best: float, epoch: int) -> float | None:
        """Return the median of what the others averaged up to this epoch, if a trial's best is below it; None: it may go on.

        >>> rule = MedianRule(((0.5, 0.6, 0.7), (0.1,)) * 2)
        >>> rule.stops(0.3, 2), rule.stops(0.3, 3), rule.stops(0.4, 3)
        (None, 0.35, None)
        """
        if epoch <= self.warm_up or len(self.curves) < ENOUGH_CURVES:
            return None
        median = statistics.median(statistics.fmean(curve[:epoch]) for curve in self.curves)
        return median if best < median else None
