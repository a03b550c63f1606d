"""The integer rules in TensorFlow give what their twins in edgeseq.arith give."""

import numpy as np
import pytest

from edgeseq.arith.activation import cell_argument, sigmoid_q15, tanh_q15
from edgeseq.arith.matmul import MatmulInput, round_bias, round_weights
from edgeseq.arith.product import halve, multiply_q15, narrow_to_int8, saturate_int16
from edgeseq.arith.requantize import requantize
from edgeseq.arith.scale import Scale

ALL_INT16 = np.arange(-32768, 32768)


def draws(*shape, low=-32768, high=32767, seed=0):
    return np.random.default_rng(seed).integers(low, high + 1, shape)


def as_floats(value):
    return np.asarray(value, np.float32)


def test_elementwise_ops_equal_their_twins(keras):
    """Every TensorFlow op gives the integers of its edgeseq.arith twin: on all int16 values, or on a million pairs."""
    from edgeseq.train.qat import ops

    a, b = draws(1_000_000), draws(1_000_000, seed=1)
    a[:4], b[:4] = [-32768, -32768, 32767, 0], [-32768, 32767, -32768, -1]
    for extra in range(8):
        assert (np.asarray(ops.multiply_q15(as_floats(a), as_floats(b), extra)) == multiply_q15(a, b, extra)).all()
    assert (np.asarray(ops.as_operand(as_floats(ALL_INT16), "int8")) == narrow_to_int8(ALL_INT16)).all()
    assert (np.asarray(ops.as_operand(as_floats(ALL_INT16), "int16")) == halve(ALL_INT16)).all()
    assert (np.asarray(ops.saturate(as_floats(a + b))) == saturate_int16(a + b)).all()


@pytest.mark.parametrize("shift", range(8))
def test_tables_equal_their_twins(keras, shift):
    """Looking a value up gives the interpolated table's result, for all arguments and every scale."""
    from edgeseq.train.qat import tables

    values = as_floats(ALL_INT16)
    wanted = tanh_q15(cell_argument(ALL_INT16, shift))
    assert (np.asarray(tables.cell_tanh_table(shift)(values)) == wanted).all()
    if shift >= 2:
        assert (np.asarray(tables.sigmoid_table(shift)(values)) == sigmoid_q15(ALL_INT16 << shift)).all()
        assert (np.asarray(tables.tanh_table(shift)(values)) == tanh_q15(ALL_INT16 << shift)).all()


@pytest.mark.parametrize("shift", [16, 24, 32])
def test_requantize_equals_its_twin(keras, shift):
    """Accumulators over the whole of int32 and multipliers of 15 bits, extremes included."""
    from edgeseq.train.qat import ops

    acc, multiplier = draws(200_000, low=1 - 2**31, high=2**31 - 1), draws(200_000, low=1, high=32767, seed=1)
    acc[:2], multiplier[:2] = [1 - 2**31, 2**31 - 1], [32767, 32767]
    got = ops.requantize(acc.astype(np.float64), multiplier.astype(np.float64) * 2.0**-shift)
    assert (np.asarray(got) == requantize(acc, multiplier, shift)).all()


@pytest.mark.parametrize("columns", [8, 1040])
def test_products_are_exact_whatever_their_size(keras, columns):
    """Sums of extreme products equal int64 ones, below and above what float32 can hold."""
    from edgeseq.train.qat import ops

    x, w = np.full((1, columns), -128), np.full((columns, 2), 127)
    w[0, 1] = 126
    assert (np.asarray(ops.products(as_floats(x), as_floats(w), 128)) == x @ w).all()
    wide = np.full((1, columns), 16383)
    assert (np.asarray(ops.products(as_floats(wide), as_floats(w), 16384)) == wide @ w).all()


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("odd", [True, False], ids=["odd", "plain"])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4], ids=["small", "usual", "large"])
def test_weights_and_biases_round_as_their_twins(keras, bits, odd, size):
    """Codes, ties included, and biases of 16 bits times a power of two are those of numpy."""
    from edgeseq.train.qat import ops

    rng = np.random.default_rng(1)
    scale = rng.integers(1, 256, 40) * 2.0**-13
    weight = rng.normal(0, 0.05, (40, 30)).astype(np.float32).astype(np.float64)
    weight[:, :3] = scale[:, None] * [0.5, 1.5, -2.5]
    bias = rng.normal(0, size, 40).astype(np.float32).astype(np.float64)
    entering = MatmulInput.doubled(Scale(3, -7), 255, -5) if odd else MatmulInput(Scale(3, -7), 32768, odd_bias=False)
    codes = round_weights(weight, scale, bits)
    got = ops.round_weights(weight.T, scale, bits)
    assert (np.asarray(got) == codes.T).all()
    assert (np.asarray(ops.round_bias(bias, scale, entering, got)) == round_bias(bias, scale, entering, codes)).all()
