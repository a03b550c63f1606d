"""The integer rules in TensorFlow, with straight-through gradients.

Values are float32 tensors that hold integers. Every op returns exactly what its twin in `edgeseq.arith`
returns (tests compare all inputs or a million draws with ==), and passes the gradient of the real function
that it stands for, taken at the integer values. Nothing below depends on the order or the fusion of float
operations, because every intermediate result is exact: products of int16 values are formed in int32,
accumulators and their products with multipliers (46 bits) in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edgeseq.arith.matmul import MatmulInput, Operand, WeightBits, largest_code
from edgeseq.arith.requantize import INT16_MAX, INT16_MIN

# Up to here float32 holds every integer, so a float32 product of matrices is exact in any order.
EXACT_FLOAT32 = 2**24
# |bias| < 2**31 is 16 bits times a power of two of at most this.
_MAX_BIAS_BITS = 16


@tf.custom_gradient
def straight(integer: Any, real: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return `integer`; the gradient goes to `real`, of the same shape."""
    return tf.identity(integer), lambda upstream: (None, tf.cast(upstream, real.dtype))


def round_half_even(value: Any) -> Any:
    """``numpy.rint``, with the gradient of the identity."""
    return straight(tf.round(tf.stop_gradient(value)), value)


def saturate(value: Any) -> Any:
    """Twin of `arith.product.saturate_int16`: no gradient where it clips."""
    return tf.clip_by_value(value, float(INT16_MIN), float(INT16_MAX))


def multiply_q15(a: Any, b: Any, extra_shift: int = 0) -> Any:
    """Twin of `arith.product.multiply_q15`."""
    product = tf.cast(tf.stop_gradient(a), tf.int32) * tf.cast(tf.stop_gradient(b), tf.int32)
    shift = 15 + extra_shift
    rounded = tf.bitwise.right_shift(product + ((1 << (shift - 1)) - 1) + 2 * tf.cast(product >= 0, tf.int32), shift)
    integer = tf.cast(tf.clip_by_value(rounded, INT16_MIN, INT16_MAX), tf.float32)
    return straight(integer, a * b * 2.0**-shift)


def as_operand(value: Any, operand: Operand) -> Any:
    """Twin of `arith.product.narrow_to_int8` (operand int8) or `halve` (int16): the gradient is a division's."""
    fixed = tf.stop_gradient(value)
    if operand == "int8":
        # Sums of integers below 2**16 times a power of two are exact.
        rounded = tf.floor((fixed + 127.0 + 2.0 * tf.cast(fixed >= 0, tf.float32)) * 2.0**-8)
        return straight(tf.clip_by_value(rounded, -128.0, 127.0), value * 2.0**-8)
    return straight(tf.floor(fixed * 0.5), value * 0.5)


def products(value: Any, codes: Any, span: int) -> Any:
    """Exact sums ``value @ codes`` in float64; value: integers (..., columns) up to `span`; codes: (columns, rows) up to 127."""
    if span * 127 * codes.shape[0] < EXACT_FLOAT32:
        return tf.cast(value @ codes, tf.float64)
    return tf.cast(value, tf.float64) @ tf.cast(codes, tf.float64)


def requantize(acc: Any, factor: Any) -> Any:
    """Twin of `arith.requantize.requantize`; acc: float64 (..., rows); factor: float64 (rows,), ``multiplier * 2**-shift``."""
    real = acc * factor
    return saturate(tf.cast(straight(tf.floor(tf.stop_gradient(real) + 0.5), real), tf.float32))


def power_of_two(exponent: Any) -> Any:
    """``2.0 ** -exponent`` in float64, exactly; exponent: int32, 0..62."""
    return 1.0 / tf.cast(tf.bitwise.left_shift(tf.constant(1, tf.int64), tf.cast(exponent, tf.int64)), tf.float64)


def round_weights(weight: Any, weight_scale: Any, bits: WeightBits) -> Any:
    """Twin of `arith.matmul.round_weights`, (columns, rows) as Keras lays them out.

    No gradient beyond the interval of the largest code; inside it there is one, or a row's largest weight could not move.
    """
    largest = float(largest_code(bits))
    real = tf.clip_by_value(tf.cast(weight, tf.float64) / weight_scale, -largest - 0.5, largest + 0.5)
    codes = tf.clip_by_value(tf.round(tf.stop_gradient(real)), -largest, largest)
    return straight(tf.cast(codes, tf.float32), tf.cast(real, tf.float32))


def round_bias(bias: Any, weight_scale: Any, entering: MatmulInput, codes: Any) -> Any:
    """Twin of `arith.matmul.round_bias`; codes: (columns, rows)."""
    steps = tf.cast(bias, tf.float64) / (weight_scale * entering.scale.value)
    share = float(entering.zero_point) * tf.reduce_sum(tf.cast(tf.stop_gradient(codes), tf.float64), axis=0)
    return straight(_round_to_short(tf.stop_gradient(steps) - share, odd=entering.odd_bias) + share, steps)


def _round_to_short(value: Any, *, odd: bool) -> Any:
    """Twin of `arith.requantize.round_to_short`: all powers of two at once, then the smallest that fits."""
    above = float(odd)
    powers = np.ldexp(1.0, np.arange(int(odd), _MAX_BIAS_BITS + 1))[:, None]
    short = tf.floor((value[None] - above) * tf.constant(1.0 / powers) + 0.5)
    fits = tf.reduce_all((short >= INT16_MIN) & (short <= INT16_MAX), axis=1)
    chosen = tf.argmax(tf.cast(fits, tf.int32))
    return short[chosen] * tf.gather(tf.constant(powers), chosen) + above


class Table:
    """A function of an int16 value by lookup, made by its `edgeseq.arith` rule for all 65,536 arguments.

    slope: (result) -> derivative of the real function, in output steps per input step.
    """

    def __init__(self, rule: Callable[[npt.NDArray[np.int32]], npt.NDArray[np.int32]], slope: Callable[[Any], Any]) -> None:
        self._values = rule(np.arange(INT16_MIN, INT16_MAX + 1, dtype=np.int32)).astype(np.float32)
        self._slope = slope

    def __call__(self, value: Any) -> Any:
        """Look up every element of an int16-valued tensor."""

        @tf.custom_gradient
        def look_up(argument: Any) -> tuple[Any, Callable[[Any], Any]]:
            result = tf.gather(tf.constant(self._values), tf.cast(argument, tf.int32) - INT16_MIN)
            return result, lambda upstream: upstream * self._slope(result)

        return look_up(value)
