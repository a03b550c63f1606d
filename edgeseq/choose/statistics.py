"""Paired bootstrap over test windows, and over seeds where there are several.

Every cell is trained with the same seeds and tested on the same windows. A draw takes seeds and windows again, with
replacement and independently of each other, the same for both cells, and computes the mean difference of what it took:
both the luck of a training and that of the test part are in its spread (crossed random effects; Owen 2007, "The
pigeonhole bootstrap", Annals of Applied Statistics 1(2)). Of one seed the spread is that of the test part alone.

Two corrections for few of either. A draw takes one less than there are, of seeds and of windows, which makes the variance of
the draws that of the mean (Rao and Wu 1988, "Resampling inference with complex survey data", JASA 83). And the percentile
interval is stretched by t / z, with Satterthwaite's degrees of freedom of the two parts of the variance (Hesterberg 2015,
"What teachers should know about the bootstrap", The American Statistician 69(4), on intervals too short for small n).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq.choose.scores import Floats, WindowScores
from edgeseq.errors import MissingExtraError

CONFIDENCE = 0.95
DRAWS = 10_000
# Draws at a time, of which each counts every block: 16 MB.
_CHUNK, _COUNTS = 200, 2_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over seeds and its interval, in the unit of the metric.

    degrees: of freedom, what the interval rests on. error: standard error.
    """

    estimate: float
    low: float
    high: float
    degrees: float
    error: float

    @property
    def shows_difference(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0


def paired(
    a: list[WindowScores],
    b: list[WindowScores],
    blocks: npt.NDArray[np.int64],
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
) -> Interval:
    """Return the mean of a minus that of b. a, b: one per seed, in the same order, on the same windows.

    blocks: (windows,) numbers; windows of the same number are drawn together. Raises ValueError of fewer than 2 seeds.
    """
    _check_seeds(a)
    differences = np.stack([x.totals - y.totals for x, y in zip(a, b, strict=True)])
    return interval(differences, a[0].weights, blocks, confidence, draws)


def single(
    scores: list[WindowScores], blocks: npt.NDArray[np.int64], confidence: float = CONFIDENCE, draws: int = DRAWS
) -> Interval:
    """Return the mean of one cell, one entry per seed. Raises ValueError of fewer than 2."""
    _check_seeds(scores)
    return interval(np.stack([each.totals for each in scores]), scores[0].weights, blocks, confidence, draws)


def interval(
    totals: Floats,
    weights: Floats,
    blocks: npt.NDArray[np.int64],
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Return the mean over seeds of totals.sum() / weights.sum(), and its interval.

    totals: (seeds, windows); weights: (windows,), > 0; blocks: (windows,), of at least two numbers or seeds.
    """
    seeds, _ = totals.shape
    count = int(blocks.max()) + 1
    by_block = np.stack([np.bincount(blocks, row, count).astype(np.float64) for row in totals])
    weight = np.bincount(blocks, weights, count).astype(np.float64)
    of_seeds = by_block.sum(axis=1) / weight.sum()
    estimate = float(of_seeds.mean())
    drawn = _draws(by_block, weight, draws, np.random.default_rng(seed))
    variance, spread = float(drawn.var()), float(of_seeds.var(ddof=1)) / seeds if seeds > 1 else 0.0
    degrees = _degrees(variance, spread, seeds, count)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    stretch = _stretch(degrees, confidence)
    low, high = estimate - stretch * float(estimate - low), estimate + stretch * float(high - estimate)
    return Interval(estimate, low, high, degrees, math.sqrt(variance))


def _check_seeds(scores: list[WindowScores]) -> None:
    if len(scores) < 2:
        raise ValueError(f"{len(scores)} seed; an interval needs at least 2")


def _draws(by_block: Floats, weight: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Return the mean of each draw, (draws,)."""
    seeds, blocks = by_block.shape
    found, most = [], max(1, min(_CHUNK, _COUNTS // blocks))
    for at in range(0, draws, most):
        rows = min(most, draws - at)
        of_seeds = _counts(rng, rows, seeds)
        of_blocks = _counts(rng, rows, blocks)
        # A draw of padding alone has no weight; what it would say is nothing.
        drawn = of_blocks @ weight
        means = (of_blocks @ by_block.T) / np.where(drawn > 0, drawn, 1.0)[:, None]
        found.append((of_seeds * means).sum(axis=1) / of_seeds.sum(axis=1))
    return np.concatenate(found)


def _counts(rng: np.random.Generator, rows: int, kinds: int) -> Floats:
    """Return how often each of `kinds` is drawn, (rows, kinds): one draw less than there are, and one of a single one."""
    taken = rng.integers(0, kinds, (rows, max(1, kinds - 1))) + kinds * np.arange(rows)[:, None]
    return np.bincount(taken.ravel(), minlength=rows * kinds).reshape(rows, kinds).astype(np.float64)


def _degrees(variance: float, of_seeds: float, seeds: int, blocks: int) -> float:
    """Satterthwaite's degrees of freedom; of_seeds: the part of the variance that the seeds explain."""
    if variance <= 0:
        return float("inf")
    share = min(1.0, of_seeds / variance)
    return 1 / (share**2 / max(1, seeds - 1) + (1 - share) ** 2 / max(1, blocks - 1))


def _stretch(degrees: float, confidence: float) -> float:
    try:
        from scipy import stats
    except ImportError as error:
        raise MissingExtraError("scipy", "train") from error
    at = (1 + confidence) / 2
    return float(stats.t.ppf(at, degrees) / stats.norm.ppf(at))
