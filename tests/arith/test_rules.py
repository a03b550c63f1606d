"""The integer rules against slow, obvious definitions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.arith.activation import cell_argument, compute_sigmoid_q15, compute_tanh_q15, sigmoid_q15, tanh_q15
from edgeseq.arith.product import multiply_q15, narrow_to_int8
from edgeseq.arith.requantize import MAX_SHORT, choose_multipliers, requantize, round_to_short
from edgeseq.arith.scale import Q7, Scale, preactivation_scale

INT16 = np.arange(-32768, 32768)


@given(st.integers(-(2**31) + 1, 2**31 - 1), st.integers(1, 32767), st.integers(16, 32))
def test_requantize_is_exact_half_up(acc, multiplier, shift):
    """Requantize equals floor(acc * multiplier / 2**shift + 1/2), saturated, in exact arithmetic."""
    exact = Fraction(acc * multiplier, 2**shift) + Fraction(1, 2)
    expected = min(32767, max(-32768, exact.numerator // exact.denominator))
    assert requantize(np.array([acc]), np.array([multiplier]), shift)[0] == expected


@given(st.integers(-(2**28), 2**28), st.integers(1, 32767), st.integers(16, 32))
def test_odd_accumulators_never_tie(half_acc, multiplier, shift):
    """2 * n + 1 times a 15-bit multiplier is never an exact half of 2**shift, so all rounding modes agree."""
    assert (2 * half_acc + 1) * multiplier % 2**shift != 2 ** (shift - 1)


@given(st.integers(-32768, 32767), st.integers(-32768, 32767), st.integers(0, 6))
def test_multiply_rounds_twice_as_tflite(a, b, extra):
    """multiply_q15 equals TFLite's doubling high multiply followed by a rounding shift, half away from zero."""
    halved = (a * b + 1) >> 1 if a * b >= 0 else -((-a * b) >> 1)
    shift = 14 + extra
    magnitude = (abs(halved) + (1 << (shift - 1))) >> shift
    expected = max(-32768, min(32767, magnitude if halved >= 0 else -magnitude))
    assert multiply_q15(np.array([a]), np.array([b]), extra)[0] == expected


def test_narrow_is_within_one_step_of_division():
    """The int8 view is value/256, off by at most half a step plus the one int16 code its double rounding costs."""
    assert np.abs(narrow_to_int8(INT16) - np.clip(INT16 / 256, -128, 127)).max() <= 0.5 + 1 / 256


@pytest.mark.parametrize(
    ("function", "reference"), [(sigmoid_q15, lambda v: 1 / (1 + np.exp(-v))), (tanh_q15, np.tanh)], ids=["sigmoid", "tanh"]
)
def test_activation_error_is_bounded(function, reference):
    """Table interpolation is within 3 (sigmoid) or 6 (tanh) steps of 2**-15 over the whole range."""
    argument = np.arange(-140_000, 140_000)
    error = np.abs(function(argument) / 32768 - reference(argument / 12288)) * 32768
    assert error.max() <= (3 if function is sigmoid_q15 else 6)


@pytest.mark.parametrize(
    ("tabled", "computed"), [(sigmoid_q15, compute_sigmoid_q15), (tanh_q15, compute_tanh_q15)], ids=["sigmoid", "tanh"]
)
def test_look_up_equals_the_rule(tabled, computed):
    """Looking a curve up gives the rule's integers, within the table, at its ends and far beyond them."""
    far = np.array([-(2**30), -(2**22), 2**22, 2**30], np.int32)
    argument = np.concatenate([np.arange(-140_000, 140_000, dtype=np.int32), far])
    assert np.array_equal(tabled(argument), computed(argument))


@pytest.mark.parametrize("shift", range(8))
def test_cell_argument_scales_the_cell(shift):
    """The table argument of tanh(c) is c * 12288 within the rounding of its product."""
    exact = INT16 * 2.0 ** (shift - 15) * 12288
    assert np.abs(cell_argument(INT16, shift) - exact).max() <= (0.5 if shift < 3 else 0.51 * 2 ** (shift - 1))


@given(st.floats(1e-6, 1e6))
def test_scale_rounds_up_by_at_most_one_in_64(value):
    """Scale.at_least is never below the value and at most 1/64 above it, with an odd mantissa of 7 bits."""
    scale = Scale.at_least(value)
    assert value <= scale.value <= value * (1 + 1 / 64)
    assert scale.mantissa % 2 == 1
    assert scale.mantissa < 128


@given(
    st.lists(st.floats(1e-5, 2.0), min_size=1, max_size=20),
    st.floats(1e-3, 0.03),
    st.integers(2, 5),
    st.booleans(),
)
def test_multipliers_are_exact_in_float32_and_cover_the_row(reach, step, shift, short):
    """weight_scale is a float32, reproduces the multiplier exactly, and holds the row in 127 steps."""
    in_scale, out_scale = Scale.at_least(step), preactivation_scale(shift)
    weights = np.array(reach)
    found = choose_multipliers(weights / 127, np.zeros_like(weights), in_scale, out_scale, short=short)
    if found is None:
        return
    if short:
        assert found.multiplier.max() // np.gcd.reduce(found.multiplier) <= MAX_SHORT
        assert 16 <= found.shift <= 32
    scale = found.weight_scale
    assert np.array_equal(scale.astype(np.float32).astype(np.float64), scale)
    assert np.array_equal(in_scale.value * scale / out_scale.value, found.multiplier * 2.0**-found.shift)
    assert (scale * 127 >= weights * (1 - 1e-12)).all()


def test_rows_too_large_for_the_shift_are_reported():
    """A row whose factor needs a shift below 16 gives None instead of wrong integers."""
    assert choose_multipliers(np.array([1e4 / 127]), np.array([0.0]), Q7, preactivation_scale(2)) is None


@given(st.lists(st.floats(-(2.0**29), 2.0**29), min_size=1, max_size=9), st.booleans())
def test_round_to_short_stores_in_16_bits_and_is_near(values, odd):
    """Every value is int16 times one power of two, plus 1 if odd; small ones move by at most 1, others by half a power."""
    found = round_to_short(np.array(values), odd=odd)
    assert (found % 2 == 1).all() or not odd
    above = found - int(odd)
    step = int(np.bitwise_or.reduce(above)) & -int(np.bitwise_or.reduce(above)) or 1
    assert np.abs(above // step).max() <= 32768 or (above // step).min() == -32768
    largest = np.abs(values).max()
    assert np.abs(found - values).max() <= max(1, largest / 2**15)
