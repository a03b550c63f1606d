"""int16 products, saturating sums and the int8 view of a state.

C twins: ``es_multiply_by``, ``es_multiply_q15``, ``es_saturate_s16``, ``es_narrow``, ``es_halve``, ``es_shift_right`` in
firmware_templates/kernels/es_arith.h.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.arith.requantize import INT16_MAX, INT16_MIN, IntArray

Int32Array = npt.NDArray[np.int32]


def saturate_int16(value: IntArray) -> Int32Array:
    """Clamp to [-32768, 32767].

    >>> saturate_int16(np.array([40000, -5]))
    array([32767,    -5], dtype=int32)
    """
    # np.clip costs several times as much on the small arrays of a single stream.
    return np.minimum(np.maximum(value, INT16_MIN), INT16_MAX).astype(np.int32, copy=False)


def multiply_q15(a: IntArray, b: IntArray, extra_shift: int = 0) -> Int32Array:
    """Return ``a * b * 2**-(15 + extra_shift)``, rounded as TFLite's int16 MUL does.

    TFLite rounds twice (a halving that rounds up, then a shift that rounds half
    away from zero). Both collapse into one shift with a sign-dependent constant,
    so a 32-bit product suffices.

    a, b: int16 values; extra_shift: -13..15. Below 0 the result may leave int16 and saturates.

    >>> multiply_q15(np.array([16383, -16384, -16383]), np.array([1, 1, 1]))
    array([ 1, -1,  0], dtype=int32)
    """
    product = a.astype(np.int32, copy=False) * b.astype(np.int32, copy=False)
    shift = 15 + extra_shift
    # -32768 * -32768 = 2**30 and the constant is at most 2**29 + 1: no overflow.
    half = np.int32((1 << (shift - 1)) + 1)
    # product >> 31 is -1 for negative values. Only -32768 * -32768 exceeds int16 unless the shift is below 15.
    rounded = np.minimum((product + half + 2 * (product >> 31)) >> shift, INT16_MAX)
    return rounded if extra_shift >= 0 else np.maximum(rounded, INT16_MIN)


def narrow_to_int8(value: IntArray) -> Int32Array:
    """Return the int8 view of an int16 tensor: ``value / 256``, as TFLite's QUANTIZE rounds it.

    >>> narrow_to_int8(np.array([127, 128, -128, -129, 32767]))
    array([  1,   1,  -1,  -1, 127], dtype=int32)
    """
    wide = value.astype(np.int32, copy=False)
    return np.minimum((wide + 129 + 2 * (wide >> 31)) >> 8, 127)


def halve(value: IntArray) -> Int32Array:
    """Return the upper 15 bits of an int16 tensor: ``value / 2``, rounded down.

    Twice that is the value with its lowest bit cleared, so an accumulator of doubled values and an odd
    bias stays odd. TFLite expresses it as SUB(value, 1), which saturates, and QUANTIZE by 1/2, which rounds up.

    >>> halve(np.array([3, -3, 32767, -32768]))
    array([     1,     -2,  16383, -16384], dtype=int32)
    """
    return value.astype(np.int32, copy=False) >> 1


def shift_right(value: IntArray, shift: int) -> Int32Array:
    """Return ``value * 2**-shift`` as TFLite's QUANTIZE from int16 to int16 rounds it.

    A halving that rounds up, then the other shifts half away from zero, in one step. value: int16; shift: 0..30.

    >>> shift_right(np.array([5, -5, 6, -6]), 2), shift_right(np.array([5, -5]), 1)
    (array([ 2, -1,  2, -2], dtype=int32), array([ 3, -2], dtype=int32))
    """
    wide = value.astype(np.int32)
    if shift == 0:
        return wide
    if shift == 1:
        return np.minimum((wide + 1) >> 1, INT16_MAX).astype(np.int32)
    half = (1 << (shift - 1)) - 1
    return ((wide + half + 2 * (wide >= 0).astype(np.int32)) >> shift).astype(np.int32)
