"""Layer normalisation in 64-bit operators that have no shifts: `edgeseq.arith.normalize`, step by step.

``x >> 32`` is an operator (HighWord), so a shift by s up to 32 is a product with 2**(32-s) before it, exact as long as
that fits 64 bits: the bounds stand beside each.
"""

from __future__ import annotations

import numpy as np

from edgeseq.arith.normalize import NEWTON_STEPS
from edgeseq.arith.requantize import INT16_MAX, INT16_MIN
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.types import Tensor

# Of the spread, 1 to 2**62, brought to [2**30, 2**32) by 4**exponent.
_EXPONENTS = np.arange(-15, 17)


def normalized(build: Builder, x: Tensor, epsilon: int, fraction_bits: int) -> Tensor:
    """`normalize_int16` of int16 (steps, n), as int32 that int16 holds."""
    count = x.units
    wide = build.cast(x, "int64")
    total = build.sum(wide)
    squares = build.multiply(build.sum(build.multiply(wide, wide)), build.integer(count, "int64"))
    spread = build.subtract(squares, build.multiply(total, total))
    spread = build.add(spread, build.integer(epsilon, "int64"))
    index = _exponent_index(build, spread)
    root = _reciprocal_root(build, spread, index)
    above_mean = build.subtract(build.multiply(wide, build.integer(count, "int64")), total)
    shifts = 46 + _EXPONENTS - fraction_bits
    # |above_mean| < 2**31 and root <= 2**31; the quotient is below 2**23, for it is at most sqrt(n) * 2**fraction_bits.
    rounded = build.add(build.multiply(above_mean, root), _of_exponent(build, index, 1 << (shifts - 1)))
    raised = build.multiply(rounded, _of_exponent(build, index, 1 << np.maximum(32 - shifts, 0)))
    rest = _of_exponent(build, index, (1 << np.maximum(shifts - 32, 0)).astype(np.int32))
    value = build.floor_divide(build.high_word(raised), rest)
    return build.minimum(build.maximum(value, build.integer(INT16_MIN)), build.integer(INT16_MAX))


def _exponent_index(build: Builder, spread: Tensor) -> Tensor:
    """Which of _EXPONENTS each row's spread has: one less than the thresholds 2**(30 + 2*exponent) that it reached."""
    thresholds = build.constant((1 << (30 + 2 * _EXPONENTS[1:]))[None].astype(np.int64))
    below = build.sum(build.less(spread, thresholds))
    return build.subtract(build.integer(len(_EXPONENTS) - 1), below)


def _of_exponent(build: Builder, index: Tensor, table: np.ndarray) -> Tensor:
    """A number of each row's exponent."""
    return build.gather(build.constant(table), index)


def _reciprocal_root(build: Builder, spread: Tensor, index: Tensor) -> Tensor:
    """`reciprocal_square_root`, its exponent known: int64."""
    divisors = 1 << (2 * np.maximum(_EXPONENTS, 0))
    raised = build.multiply(spread, _of_exponent(build, index, 1 << (2 * np.maximum(-_EXPONENTS, 0))))
    # floor(raised / divisor) is below 2**32, one bit too many for a high word: that bit is found apart.
    divisor = _of_exponent(build, index, divisors)
    rest = build.floor_modulo(raised, _of_exponent(build, index, 2 * divisors))
    half = build.multiply(build.subtract(raised, rest), _of_exponent(build, index, (1 << 31) // divisors))
    bit = build.subtract(build.integer(1), build.less(rest, divisor))
    doubled = build.multiply(_high(build, half), build.integer(2, "int64"))
    value = build.add(doubled, build.cast(bit, "int64"))
    quarter = _high(build, build.multiply(value, build.integer(1 << 30, "int64")))
    sixteenth = _high(build, build.multiply(value, build.integer(1 << 28, "int64")))
    root = build.subtract(build.subtract(build.integer(2362232013, "int64"), quarter), sixteenth)
    for _ in range(NEWTON_STEPS):
        square = _high(build, build.multiply(root, root))
        product = _high(build, build.multiply(square, value))
        step = build.subtract(build.integer(805306368, "int64"), product)
        root = _high(build, build.multiply(build.multiply(root, step), build.integer(8, "int64")))
    return root


def _high(build: Builder, x: Tensor) -> Tensor:
    return build.cast(build.high_word(x), "int64")
