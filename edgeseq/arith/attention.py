"""Softmax and weighted mean of attention in integers: powers of two by a table, one division per row.

C twin: firmware_templates/kernels/es_attend_s16.c. Every operation is one of integers that ONNX has
too: products, sums, comparisons, shifts (divisions by powers of two), one division and a table.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.arith.product import saturate_int16
from edgeseq.arith.requantize import IntArray

Int64Array = npt.NDArray[np.int64]
TABLE_BITS = 7
MIN_FRACTION_BITS, MAX_FRACTION_BITS = 7, 12
# 32768 * 2**(-i / 128). Twin: es_power_table.
POWER_TABLE = np.round(32768 * 2.0 ** (-np.arange((1 << TABLE_BITS) + 1) / (1 << TABLE_BITS))).astype(np.int64)


def negative_power(distance: IntArray, fraction_bits: int) -> Int64Array:
    """Return ``32768 * 2**-(distance * 2**-fraction_bits)``, rounded; distance: 0 to 65535.

    The fraction of the exponent goes through the table with straight lines between its entries, the
    whole part is a shift. Twin: es_negative_power.

    >>> negative_power(np.array([0, 1024, 1536, 20480]), 10)
    array([32768, 16384, 11585,     0])
    """
    wide = distance.astype(np.int64)
    whole, fraction = wide >> fraction_bits, wide & ((1 << fraction_bits) - 1)
    between_bits = fraction_bits - TABLE_BITS
    index, between = fraction >> between_bits, fraction & ((1 << between_bits) - 1)
    left = POWER_TABLE[index]
    value = left - (((left - POWER_TABLE[index + 1]) * between) >> between_bits)
    shift = np.minimum(whole, 17)
    return (value + ((np.int64(1) << shift) >> 1)) >> shift


def softmax_weights(scores: IntArray, fraction_bits: int) -> Int64Array:
    """Return ``32768 * softmax`` of base-2 scores over the last axis, in steps of 2**-fraction_bits.

    Each row's reciprocal has 16 bits, so the weights of a row sum to 32768 within one part in 2**13
    and half a step for every one of them. Twin: es_softmax_row.

    >>> softmax_weights(np.array([[0, 0], [1024, 0]]), 10)
    array([[16384, 16384],
           [21845, 10923]])
    """
    wide = scores.astype(np.int64)
    powers = negative_power(wide.max(axis=-1, keepdims=True) - wide, fraction_bits)
    total = powers.sum(axis=-1, keepdims=True)
    up = np.zeros_like(total)
    while (low := total < 1 << 30).any():
        total, up = np.where(low, total << 1, total), up + low
    reciprocal = (1 << 31) // (total >> 15)
    return (powers * reciprocal + (np.int64(1) << (30 - up))) >> (31 - up)


def weighted_mean(weights: IntArray, values: IntArray) -> npt.NDArray[np.int32]:
    """Return the mean of values (..., steps, n) under weights (..., rows, steps) that sum to about 32768, saturated.

    The sum fits int32: the weights sum to less than 49152, a value's magnitude is at most 32768.

    >>> weighted_mean(np.array([[16384, 16384]]), np.array([[100], [301]]))
    array([[201]], dtype=int32)
    """
    # float64 products are exact: sums stay far below 2**53.
    total = (weights.astype(np.float64) @ values.astype(np.float64)).astype(np.int64)
    return saturate_int16((total + (1 << 14)) >> 15)
