"""Two runs of the same model, value by value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Comparison:
    """name: what was compared with the oracle. mismatches: differing integers; max_abs_lsb: the largest difference."""

    name: str
    mismatches: int
    max_abs_lsb: int


def compare(name: str, got: Sequence[npt.NDArray[np.integer]], wanted: Sequence[npt.NDArray[np.integer]]) -> Comparison:
    """Arrays of equal shapes, pair by pair."""
    pairs = zip(got, wanted, strict=True)
    difference = np.concatenate([(g.astype(np.int64) - w.astype(np.int64)).ravel() for g, w in pairs])
    return Comparison(name, int(np.count_nonzero(difference)), int(np.abs(difference).max(initial=0)))


def sqnr_db(reference: npt.NDArray[np.floating], value: npt.NDArray[np.floating]) -> float:
    """10 log10(sum ref^2 / sum (ref - value)^2); infinite if they are equal."""
    noise = float(np.sum((reference - value) ** 2))
    return float("inf") if noise == 0 else float(10 * np.log10(np.sum(reference**2) / noise))
