"""What an interval shows, in plain words."""

from __future__ import annotations

from edgeseq.choose.comparison.plan import ENOUGH_SEEDS, short_title
from edgeseq.choose.comparison.result import CellResult
from edgeseq.choose.metric import Metric
from edgeseq.choose.statistics import CONFIDENCE, Interval


def verdict(a: CellResult, b: CellResult, difference: Interval, seeds: int, metric: Metric) -> str:
    """Say which of two cells is better, if the interval shows it, and what they cost beside each other."""
    unit = " points" if metric.unit == "share" else f" {metric.unit}"
    what = "" if metric.higher_is_better else f" in {metric.words} (lower is better)"
    figures = (
        f"{a.title} and {b.title}: difference {signed(difference.estimate, metric)}{unit}{what}, "
        f"{100 * CONFIDENCE:.0f} % interval {signed(difference.low, metric)} to {signed(difference.high, metric)}, {seeds} seeds"
    )
    if difference.shows_difference:
        ahead = a if (difference.low > 0) == metric.higher_is_better else b
        shown = f"{_short(ahead, a, b)} is better"
    else:
        shown = "no difference shown"
    weak = (
        f" (of {seeds} seeds the interval is weak; {ENOUGH_SEEDS} or more make it one to rely on)" if seeds < ENOUGH_SEEDS else ""
    )
    return f"{figures}: {shown}{weak}; {flash(a, b)}."


def signed(value: float, metric: Metric) -> str:
    """Return a difference with its sign: an accuracy in points with one decimal, else three significant digits."""
    if metric.unit == "share":
        return f"{100 * value:+.1f}"
    return f"{value:+.3g}"


def flash(a: CellResult, b: CellResult) -> str:
    """Compare the images."""
    less, more = (a, b) if a.cost.flash_image_bytes <= b.cost.flash_image_bytes else (b, a)
    saved = 1 - less.cost.flash_image_bytes / more.cost.flash_image_bytes
    if saved < 0.005:
        return "their images are alike"
    return f"{_short(less, a, b)} takes {100 * saved:.0f} % less flash"


def _short(one: CellResult, a: CellResult, b: CellResult) -> str:
    """Name a cell of a pair, with units where the cell alone does not tell them apart."""
    return one.title if a.cell == b.cell else short_title(one.cell)
