"""The integer rules around the recurrent layers, against slow, obvious definitions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.arith.normalize import normalize_int16, reciprocal_square_root
from edgeseq.arith.pooling import MAX_POOLED_STEPS, mean_of, reciprocal
from edgeseq.arith.product import shift_right

INT16 = np.arange(-32768, 32768)


@pytest.mark.parametrize("shift", range(31))
def test_shift_rounds_as_a_halving_and_a_rounding_shift(shift):
    """shift_right is TFLite's pair of roundings: a halving that rounds up, then half away from zero."""
    halved = INT16 if shift == 0 else (INT16 + 1) >> 1
    rest = max(shift - 1, 0)
    magnitude = (np.abs(halved) + (1 << rest >> 1)) >> rest
    assert np.array_equal(shift_right(INT16, shift), np.sign(halved) * magnitude)


@given(st.integers(1, MAX_POOLED_STEPS))
def test_reciprocal_is_rounded_down(count):
    """Multiplier * 2**-(30 + shift) is 1 / count to 30 bits, from below, and fits int32."""
    multiplier, shift = reciprocal(count)
    assert 0 <= Fraction(1, count) - Fraction(multiplier, 2 ** (30 + shift)) < Fraction(1, 2 ** (30 + shift))
    assert 2**29 <= multiplier < 2**31


@given(st.integers(1, MAX_POOLED_STEPS), st.floats(-1, 1))
def test_mean_is_within_three_quarters_of_a_step(count, share):
    """Two roundings: half a step, and at most a quarter before it; the reciprocal adds less than 2**-14."""
    total = round(share * 32768 * count)
    mean = int(mean_of(np.array([total]), count)[0])
    assert abs(Fraction(total, count) - mean) <= Fraction(3, 4) + Fraction(1, 2**14)
    assert -32768 <= mean <= 32768 - (total <= 32767 * count)


@given(st.integers(1, 2**62))
def test_reciprocal_root_is_close(value):
    """The root of every value to 2**62 is within 2**-27 of the true one, and its factors fit 32 bits."""
    root, exponent = (int(v[0]) for v in reciprocal_square_root(np.array([value])))
    assert 0 < root < 2**31
    # (root * 2**-(46 + exponent))**2 * value is 1 within twice the relative error.
    square = Fraction(root * root * value) / Fraction(4) ** (46 + exponent)
    assert abs(square - 1) < Fraction(1, 2**26)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=40), st.integers(1, 2**40), st.integers(8, 13))
def test_normalisation_is_exact_to_half_a_step(values, epsilon, bits):
    """Against exact rationals: half a step of rounding plus 2**-12 of one."""
    n = len(values)
    spread = n * sum(v * v for v in values) - sum(values) ** 2 + epsilon
    got = normalize_int16(np.array([values]), epsilon, bits)[0]
    for value, result in zip(values, got, strict=True):
        exact = (n * value - sum(values)) / math.sqrt(spread) * 2**bits
        assert abs(np.clip(exact, -32768, 32767) - result) <= 0.5 + 2**-12


def test_the_largest_normalisation_does_not_overflow():
    """16,384 values at both ends of int16, and one alone against all others: the result is that of exact arithmetic."""
    ends = np.where(np.arange(16384) % 2 == 0, 32767, -32768)[None]
    assert np.array_equal(normalize_int16(ends, 1, 12), np.where(ends > 0, 4096, -4096))
    alone = np.full((1, 16384), -32768)
    alone[0, 5] = 32767
    assert normalize_int16(alone, 1, 8)[0, 5] == round(256 * math.sqrt(16383))
    assert not normalize_int16(np.full((1, 9), 123), 1, 12).any()
