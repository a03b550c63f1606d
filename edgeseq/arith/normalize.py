"""Zero mean and unit variance over the values of a time step, in integers.

C twin: firmware_templates/kernels/es_normalize_s16.c.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.arith.product import saturate_int16
from edgeseq.arith.requantize import IntArray

Int64Array = npt.NDArray[np.int64]
# n * x - sum(x) of n values fits int32, and n**2 times a variance 2**58.
MAX_NORMALIZED_SIZE = 16384
MAX_EPSILON = 1 << 60
NEWTON_STEPS = 4


def reciprocal_square_root(value: IntArray) -> tuple[Int64Array, Int64Array]:
    """Return (root, exponent): ``1 / sqrt(value)`` is about root * 2**-(46 + exponent).

    value is brought to [2**30, 2**32) by an even shift, 2 * exponent; Newton's iteration starts from a
    straight line and squares its relative error (at most 0.13) times 1.5 each time. value: 1 to 2**62.
    The result is within 2**-27 of the true one. Twin: es_reciprocal_root.

    >>> root, exponent = reciprocal_square_root(np.array([1, 4, 10**12]))
    >>> [round(float(r) * 2.0 ** -(46 + int(e)), 8) for r, e in zip(root, exponent)]
    [1.0, 0.5, 1e-06]
    """
    wide = value.astype(np.int64)
    exponent = np.zeros_like(wide)
    while (low := wide < 1 << 30).any():
        wide, exponent = np.where(low, wide << 2, wide), exponent - low
    while (high := wide >= 1 << 32).any():
        wide, exponent = np.where(high, wide >> 2, wide), exponent + high
    # In [1/4, 1) as a fraction of 2**32; root of 2**30 is 1. 2.2 - 1.25 * value.
    root = 2362232013 - (wide >> 2) - (wide >> 4)
    for _ in range(NEWTON_STEPS):
        square = (root * root) >> 32
        product = (square * wide) >> 32
        root = (root * (805306368 - product)) >> 29
    return root, exponent


def normalize_int16(x: IntArray, epsilon: int, fraction_bits: int) -> npt.NDArray[np.int32]:
    """Return ``(x - mean) / sqrt(variance + epsilon / n**2)`` of the last axis, in steps of 2**-fraction_bits, saturated.

    Everything but the root is exact: n * x - sum(x) over the root of n * sum(x**2) - sum(x)**2 + epsilon.
    x: int16 values (..., n), n to 16,384; epsilon: 1 to 2**60.

    >>> normalize_int16(np.array([[100, 200, 300]]), 9, 10)
    array([[-1254,     0,  1254]], dtype=int32)
    """
    wide = x.astype(np.int64)
    count, total = wide.shape[-1], wide.sum(axis=-1, keepdims=True)
    spread = count * (wide * wide).sum(axis=-1, keepdims=True) - total * total + epsilon
    root, exponent = reciprocal_square_root(spread)
    shift = 46 + exponent - fraction_bits
    return saturate_int16(((count * wide - total) * root + (np.int64(1) << (shift - 1))) >> shift)
