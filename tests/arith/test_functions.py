"""Tables, straight pieces and products of any shift, against their definitions."""

import numpy as np
import pytest

from edgeseq.arith.lookup import ENTRIES, lookup, table_problem
from edgeseq.arith.piecewise import HARD_SLOPES, hard_sigmoid, hard_sigmoid_of_cell, rectify
from edgeseq.arith.product import multiply_q15
from edgeseq.arith.scale import Scale, function_scale, power_of_two
from edgeseq.graph import Activate
from edgeseq.graph.reference import activate
from edgeseq.graph.reference.activations import FUNCTIONS
from edgeseq.quantize.ops.activation import _table
from edgeseq.quantize.ops.tensor import Tensor

ALL = np.arange(-32768, 32768)


@pytest.mark.parametrize("extra_shift", range(-13, 16))
def test_a_product_rounds_twice_at_every_shift(extra_shift):
    """The one-shift form equals TFLite's: half, rounded up, then a shift that rounds half away from zero, then int16."""
    rng = np.random.default_rng(extra_shift + 13)
    a, b = rng.integers(-32768, 32768, (2, 100_000))
    a[:4], b[:4] = [-32768, -32768, 32767, 1], [-32768, 32767, 32767, 1]
    halved = (a * b + 1) >> 1
    shift = 14 + extra_shift
    below, half = halved & ((1 << shift) - 1), (1 << shift) >> 1
    rounded = (halved >> shift) + (below > half - 1 + (halved < 0))
    assert np.array_equal(multiply_q15(a, b, extra_shift), np.clip(rounded, -32768, 32767))


@pytest.mark.parametrize("function", list(HARD_SLOPES))
@pytest.mark.parametrize("shift", [2, 3, 7])
def test_hard_sigmoid_is_exact(function, shift):
    """On all int16 values at its scale the rule is the function itself, floored at no value: error below one step."""
    real = activate(function, ALL * function_scale(function, shift, 0).value)
    assert np.abs(hard_sigmoid(ALL, shift) / 32768 - real).max() <= 1 / 32768


@pytest.mark.parametrize("function", list(HARD_SLOPES))
@pytest.mark.parametrize("cell_shift", range(16))
def test_hard_sigmoid_of_a_cell(function, cell_shift):
    """At every cell scale the slope is right within the 15 bits of its constant: 2 steps, and of coarse cells one of theirs."""
    real = activate(function, ALL * power_of_two(cell_shift).value)
    wanted = np.clip(real, 0, 32767 / 32768)
    error = np.abs(hard_sigmoid_of_cell(ALL, cell_shift, HARD_SLOPES[function]) / 32768 - wanted).max()
    assert error <= max(2.0, 2.0 ** (cell_shift - 2)) / 32768


def test_rectify_is_exact_on_all_values():
    """Each piece, against floats: the products round to nearest, ties aside."""
    got = rectify(ALL, 300, 20000, np.array([-8192]))
    wanted = np.where(ALL < 300, np.maximum(ALL - 300, -32768) * -0.25, np.minimum(ALL, 20000))
    assert np.abs(got - wanted).max() <= 0.5


# Largest error of a table over all inputs in a range of +-8, in steps of its output; measured. Kinks between entries cost
# most, then curvature: (8 / 256)^2 / 8 of the second derivative.
TABLE_ERRORS = {"sigmoid": 1.2, "gelu": 1.2, "silu": 1.2, "mish": 1.2, "softplus": 1.2, "exponential": 2.7, "tanh": 2.3}


@pytest.mark.parametrize("name", list(TABLE_ERRORS))
def test_a_table_follows_its_function(name):
    """Every int16 input: the interpolated value lies within the stated steps of the function."""
    tensor = Tensor(1, Scale(1, -12), bound=8.0)
    layer = _table(Activate("a", name), tensor, 1e9)
    real = activate(name, ALL * tensor.scale.value)
    assert np.abs(lookup(ALL, layer.table) - real / layer.scale.value).max() <= TABLE_ERRORS[name]


@pytest.mark.parametrize("exponent", [-15, -8, 0])
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in ("softmax", "rectified")])
def test_every_function_has_a_sound_table(name, exponent):
    """At any input scale a table is valid, its steps fit int16, and nothing overflows."""
    layer = _table(Activate("a", name), Tensor(1, Scale(1, exponent), bound=1.0), 100.0)
    assert table_problem(layer.table) is None
    assert layer.table.size == ENTRIES
    assert np.abs(lookup(ALL, layer.table)).max() <= 32768
