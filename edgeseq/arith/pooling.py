"""The mean of all time steps so far, in integers.

C twins: ``es_pool_average`` in firmware_templates/kernels/es_pool_average.c, ``es_reciprocal`` beside it.
"""

from __future__ import annotations

import numpy as np

from edgeseq.arith.requantize import IntArray

# At this many steps sum and count are halved, so that neither overflows in a stream without end:
# from then on a step's weight halves every 16,383 steps. Even, so that the halves are exact.
MAX_POOLED_STEPS = 32766


def reciprocal(count: int) -> tuple[int, int]:
    """Return (multiplier, shift): ``1 / count`` is multiplier * 2**-(30 + shift), rounded down.

    The multiplier has 30 or 31 bits, as TFLite's MEAN makes it. count: 1..32766.

    >>> reciprocal(1), reciprocal(3)
    ((1073741824, 0), (715827882, 1))
    """
    shift = count.bit_length() - 1
    return (1 << (30 + shift)) // count, shift


def mean_of(total: IntArray, count: int) -> IntArray:
    """Return ``total / count`` as TFLite's int16 MEAN rounds it: to 31 bits first, then halves away from zero.

    total: sums of `count` int16 values. Twin: es_mean in es_pool_average.c.

    >>> mean_of(np.array([10, -10, 11]), 4)
    array([ 3, -3,  3])
    """
    if count == 1:
        return total
    multiplier, shift = reciprocal(count)
    # With shift - 1 more bits than the result.
    wide = (total.astype(np.int64) * multiplier + (1 << 30)) >> 31
    mask = (1 << (shift - 1)) - 1
    return (wide >> (shift - 1)) + ((wide & mask) > (mask >> 1) + (wide < 0))
