"""Intervals of differences: known cases, scipy's bootstrap, and how often they hold the truth."""

import numpy as np
import pytest
from scipy import stats

from edgeseq.choose.scores import WindowScores
from edgeseq.choose.statistics import interval, paired, single


def scores(rng, seeds: int, windows: int, share: float) -> list[WindowScores]:
    """Right or wrong on each window, by seed."""
    return [WindowScores((rng.random(windows) < share).astype(float), np.ones(windows)) for _ in range(seeds)]


def test_a_cell_does_not_differ_from_itself():
    """Identical results: a difference of 0, and an interval of 0 to 0."""
    one = scores(np.random.default_rng(0), 5, 100, 0.8)
    found = paired(one, one, np.arange(100))
    assert (found.estimate, found.low, found.high) == (0, 0, 0)
    assert not found.shows_difference


def test_a_shift_is_found_and_its_sign():
    """Twenty points better in every seed: the interval lies around 0.2, and beside zero in either order."""
    rng = np.random.default_rng(1)
    a, b = scores(rng, 5, 2000, 0.9), scores(rng, 5, 2000, 0.7)
    found, mirrored = paired(a, b, np.arange(2000)), paired(b, a, np.arange(2000))
    assert 0.15 < found.low < found.estimate < found.high < 0.25
    assert found.shows_difference
    assert mirrored.shows_difference
    # The same draws, seen from the other side.
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), rel=1e-12)


def test_pairs_share_their_windows():
    """What is hard for both cells is in neither's favour: the interval of the difference is far narrower than each cell's."""
    rng = np.random.default_rng(2)
    hard = rng.random(400)
    a, b = (
        [WindowScores((hard + rng.normal(0, 0.02, 400) < 0.8).astype(float), np.ones(400)) for _ in range(5)] for _ in range(2)
    )
    both, alone = paired(a, b, np.arange(400)), single(a, np.arange(400))
    assert both.high - both.low < 0.5 * (alone.high - alone.low)


@pytest.mark.parametrize("weighted", [False, True])
def test_windows_alone_are_scipys_bootstrap(weighted):
    """Without a spread over seeds the interval is scipy's percentile interval of the mean over windows.

    Tolerance 6 % of the width: quantiles of 10,000 draws vary by about 2 % of it in each of the two, and the corrections
    for 300 windows add less than 1 %.
    """
    rng = np.random.default_rng(3)
    totals, weights = rng.exponential(1.0, 300), rng.integers(1, 9, 300) if weighted else np.ones(300)
    totals = totals * weights
    found = interval(np.stack([totals, totals]), weights.astype(float), np.arange(300))
    known = stats.bootstrap(
        (totals, weights),
        lambda t, w, axis: t.sum(axis=axis) / w.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=10_000,
        method="percentile",
        rng=np.random.default_rng(4),
    ).confidence_interval
    width = known.high - known.low
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=0.06 * width)
    assert found.estimate == pytest.approx(totals.sum() / weights.sum(), rel=1e-12)


def test_seeds_alone_are_the_t_interval():
    """Seeds that vary much more than windows: about the t interval of five numbers, not the 20 % narrower one of draws.

    Tolerance 15 %: draws of four of five values are few, so that their quantiles are coarse.
    """
    of_seeds = np.random.default_rng(5).normal(0, 1, 5)
    found = interval(np.repeat(of_seeds[:, None], 50, axis=1), np.ones(50), np.arange(50))
    low, high = stats.t.interval(0.95, 4, of_seeds.mean(), of_seeds.std(ddof=1) / np.sqrt(5))
    assert found.high - found.low == pytest.approx(high - low, rel=0.15)
    assert found.degrees == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize(("of_seeds", "of_windows", "of_both"), [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.1, 1.0, 1.0)])
def test_intervals_of_five_seeds_hold_the_truth(of_seeds, of_windows, of_both):
    """Of 200 simulated comparisons at least 92 % hold the true difference: 95 % less two standard errors of 1.5 %."""
    rng = np.random.default_rng(6)
    held = 0
    for trial in range(200):
        d = rng.normal(0, 1, (5, 1)) * of_seeds + rng.normal(0, 1, (1, 60)) * of_windows + rng.normal(0, 1, (5, 60)) * of_both
        found = interval(d, np.ones(60), np.arange(60), draws=1000, seed=trial)
        held += found.low <= 0 <= found.high
    assert held >= 184


def test_windows_of_a_subject_count_once():
    """Ten copies of each window tell no more than one: drawn by subject the interval stays as it was."""
    rng = np.random.default_rng(7)
    totals = np.repeat(rng.normal(0, 1, (1, 40)), 2, axis=0)
    once = interval(totals, np.ones(40), np.arange(40))
    copied = np.repeat(totals, 10, axis=1)
    by_subject = interval(copied, np.ones(400), np.repeat(np.arange(40), 10))
    by_window = interval(copied, np.ones(400), np.arange(400))
    assert (by_subject.low, by_subject.high) == pytest.approx((once.low, once.high), rel=1e-9)
    assert by_window.high - by_window.low < 0.5 * (once.high - once.low)


def test_one_seed_has_no_interval():
    """Of a comparison over seeds."""
    one = scores(np.random.default_rng(0), 1, 10, 0.8)
    for call in (lambda: paired(one, one, np.arange(10)), lambda: single(one, np.arange(10))):
        with pytest.raises(ValueError, match="1 seed; an interval needs at least 2"):
            call()


@pytest.mark.parametrize("windows", [9, 400])
def test_one_model_has_the_t_interval_of_its_windows(windows):
    """Tolerance 10 %: 10,000 draws, and draws of nine values are coarse."""
    totals = np.random.default_rng(8).normal(0, 1, windows)
    found = interval(totals[None], np.ones(windows), np.arange(windows))
    error = totals.std(ddof=1) / np.sqrt(windows)
    low, high = stats.t.interval(0.95, windows - 1, totals.mean(), error)
    assert found.error == pytest.approx(error, rel=0.03)
    assert found.high - found.low == pytest.approx(high - low, rel=0.1)
    assert found.degrees == windows - 1
