"""The integer softmax and weighted mean of attention, against float64 and at their bounds."""

import numpy as np
import pytest

from edgeseq.arith.attention import MAX_FRACTION_BITS, MIN_FRACTION_BITS, negative_power, softmax_weights, weighted_mean


@pytest.mark.parametrize("bits", range(MIN_FRACTION_BITS, MAX_FRACTION_BITS + 1))
def test_powers_for_every_distance(bits):
    """Every distance: within one step of 2**-15 of the exact power, falling, and 32768 at 0."""
    distance = np.arange(65536)
    found = negative_power(distance, bits)
    # Half a step of the table, a straight line's 0.12 (32768 * (ln 2 / 128)**2 / 8), a truncation and half a step.
    assert np.abs(found - 32768 * 2.0 ** (-distance / 2**bits)).max() < 2.1
    assert found[0] == 32768
    assert (np.diff(found) <= 0).all()


@pytest.mark.parametrize("steps", [1, 2, 3, 17, 128, 1000])
@pytest.mark.parametrize("spread", [0, 1, 10, 30])
def test_softmax_is_close(steps, spread):
    """Weights are within one part in 2**13 and three steps of the exact softmax, and sum to 32768 within what that allows."""
    bits = 10
    scores = np.clip(np.random.default_rng(steps).normal(0, spread, (50, steps)) * 2**bits, -32768, 32767).astype(np.int64)
    exact = 2.0 ** ((scores - scores.max(axis=1, keepdims=True)) / 2**bits)
    exact *= 32768 / exact.sum(axis=1, keepdims=True)
    found = softmax_weights(scores, bits)
    # The sum of powers is off by at most 2.1 a step in 32768 or more.
    assert (np.abs(found - exact) <= exact * (2.0**-13 + 2.1 * steps / 32768) + 3).all()
    assert found.min() >= 0
    assert found.max() <= 32768


def test_the_sum_fits_int32():
    """At the longest window with equal scores, the largest values and their weights stay below 2**31."""
    weights = softmax_weights(np.zeros((1, 32767), np.int64), MAX_FRACTION_BITS)
    assert int(weights.sum()) * 32768 + (1 << 14) < 2**31
    worst = softmax_weights(np.concatenate([[32767], np.full(32766, -32768)])[None], MIN_FRACTION_BITS)
    assert int(worst.sum()) * 32768 + (1 << 14) < 2**31


def test_weighted_mean_rounds_half_up():
    """Ties go up, on both sides of zero; extremes stay in int16."""
    weights = np.array([[16384, 16384]])
    assert weighted_mean(weights, np.array([[1, -1, 32767, -32768], [0, 0, 32767, -32768]])).tolist() == [[1, 0, 32767, -32768]]
