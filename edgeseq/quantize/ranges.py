"""Which range of a tensor its integers shall cover: everything seen, or less and finer.

Each method proposes a reach, the largest magnitude that is not clipped; what a tensor gets is the
proposal whose rounded and clipped values lie closest to the original ones (SQNR).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgeseq.graph.layers import FloatArray

Method = Literal["minmax", "percentile", "mse"]
METHODS: tuple[Method, ...] = ("minmax", "percentile", "mse")
Choice = Literal["auto", "minmax", "percentile", "mse"]
CHOICES: tuple[Choice, ...] = ("auto", *METHODS)
# Share of the values that a percentile range covers.
PERCENTILE = 99.99
# Reaches that "mse" tries, as shares of the largest value.
_SHARES = np.geomspace(1.0, 0.05, 40)
# Values kept of one tensor: enough for a percentile of 99.99, at 1 MB a tensor.
MAX_SAMPLES = 1 << 17


@dataclass(frozen=True, slots=True)
class Range:
    """What was chosen for one tensor.

    low, high: smallest and largest value seen. reach: largest magnitude to hold. saturated: share of
    the values beyond it. sqnr_db: of rounding and clipping to it.
    """

    low: float
    high: float
    reach: float
    method: Method
    saturated: float
    sqnr_db: float


class Samples:
    """Extremes of a tensor, and evenly thinned values of it."""

    def __init__(self) -> None:
        self.low, self.high = np.inf, -np.inf
        self._kept: list[FloatArray] = []
        self._count, self._stride = 0, 1

    def add(self, values: FloatArray) -> None:
        """Add values of any shape."""
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        taken = values.reshape(-1)[:: self._stride].copy()
        self._kept.append(taken)
        self._count += taken.size
        if self._count > 2 * MAX_SAMPLES:
            self._kept = [np.concatenate(self._kept)[::2]]
            self._count = self._kept[0].size
            self._stride *= 2

    @property
    def values(self) -> FloatArray:
        """What was kept, flat."""
        return np.concatenate(self._kept) if self._kept else np.zeros(0)

    @property
    def magnitude(self) -> float:
        """Largest magnitude seen."""
        return max(abs(self.low), abs(self.high)) if self._kept else 0.0


def sqnr_db(values: FloatArray, rounded: FloatArray) -> float:
    """10 log10 of signal over error power; infinite if they are equal."""
    noise = float(np.mean((values - rounded) ** 2))
    return float("inf") if noise == 0 else float(10 * np.log10(np.mean(values**2) / noise))


def choose_range(samples: Samples, choice: Choice, levels: int, step: Callable[[float], float] | None = None) -> Range:
    """Choose the reach of a symmetric integer tensor.

    levels: largest code. step: real value of one code for a reach, reach / levels by default.
    """
    values = samples.values
    measured = {}
    for method in METHODS if choice == "auto" else (choice,):
        reach = _reach(method, samples, values, levels)
        one = (step(reach) if step else reach / levels) or 1.0
        codes = np.clip(np.round(values / one), -levels - 1, levels)
        saturated = float(np.mean(np.abs(values) > (levels + 0.5) * one)) if values.size else 0.0
        measured[method] = Range(samples.low, samples.high, reach, method, saturated, sqnr_db(values, codes * one))
    # The first of equals: nothing is clipped for no gain.
    return max(measured.values(), key=lambda found: found.sqnr_db)


def _reach(method: Method, samples: Samples, values: FloatArray, levels: int) -> float:
    largest = samples.magnitude
    if largest == 0.0:
        return 0.0
    match method:
        case "minmax":
            return largest
        case "percentile":
            return float(np.percentile(np.abs(values), PERCENTILE)) or largest
        case "mse":
            return largest * min(_SHARES, key=lambda share: _mean_square_error(values, share * largest, levels))


def _mean_square_error(values: FloatArray, reach: float, levels: int) -> float:
    step = reach / levels
    return float(np.mean((np.clip(np.round(values / step), -levels - 1, levels) * step - values) ** 2))
