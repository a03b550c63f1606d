"""int32 accumulator -> int16: one 15-bit multiplier, one shift, round half up.

C twin: ``es_requantize`` in firmware_templates/kernels/es_arith.h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.arith.scale import RowScales, Scale

IntArray = npt.NDArray[np.signedinteger]
FloatArray = npt.NDArray[np.floating]

INT16_MIN, INT16_MAX = -32768, 32767
MAX_MULTIPLIER = 32767
# Largest short multiplier, times the power of two and the mantissa that a matrix' rows share.
MAX_SHORT = 255
# 16: multiplier << (32 - shift) still fits int32, which one SMMULR needs.
# 32: the same product is still an exact multiple.
MIN_SHIFT, MAX_SHIFT = 16, 32
# A float32 weight scale holds multiplier part x output mantissa without rounding.
_FLOAT32_BITS = 24
# Accumulator room kept for a bias: |bias| < 2**29 leaves 2**31 - 2**29 for products.
_BIAS_LIMIT = 2**29


@dataclass(frozen=True, slots=True, eq=False)
class Multipliers:
    """Per-row requantisation factors ``multiplier * 2**-shift`` of one matrix.

    multiplier: int16 (rows,), in [1, 32767].
    shift: common to all rows, 16..32, so that code holds it as one constant.
    weight_scale: float64 (rows,), real value of one weight step.
    """

    multiplier: npt.NDArray[np.int16]
    shift: int
    weight_scale: npt.NDArray[np.float64]


def requantize(acc: IntArray, multiplier: IntArray, shift: int) -> npt.NDArray[np.int32]:
    """Return ``saturate_int16((acc * multiplier + 2**(shift-1)) >> shift)``.

    acc: int (..., rows), |acc| < 2**31; multiplier: (rows,), [1, 32767]; shift: 16..32.

    >>> requantize(np.array([100000, -100000]), np.array([16384, 16384]), 20)
    array([ 1563, -1562], dtype=int32)
    """
    wide = (acc.astype(np.int64, copy=False) * multiplier.astype(np.int64) + (1 << (shift - 1))) >> shift
    return np.minimum(np.maximum(wide, INT16_MIN), INT16_MAX).astype(np.int32)


def _round_up_to_bits(value: int, bits: int) -> int:
    """Return an integer >= value with at most `bits` significant bits, odd where they suffice.

    An odd multiplier meets an exact rounding tie only once in 2**shift accumulators.
    """
    drop = max(0, value.bit_length() - bits)
    return -(-value >> drop) << drop if drop else value | 1


def choose_multipliers(
    weight_scale: FloatArray,
    max_abs_bias: FloatArray,
    in_scale: Scale,
    out_scale: Scale | RowScales,
    *,
    short: bool = False,
) -> Multipliers | None:
    """Choose one multiplier per row and a common shift, or None if the rows are too large.

    The weight scale *follows* from the multiplier, not the other way round:
    ``weight_scale = multiplier * 2**-shift * out_scale / in_scale``. The integers
    thus describe the factor exactly, and so does a float32 ``filter_scale``.

    weight_scale: (rows,), what one weight step must at least be worth; max_abs_bias: (rows,), real values.
    out_scale: of the result, of all rows or of each block of them.
    short: all multipliers are one number times 1..255, so that a row can store a byte.
    None means that no shift in 16..32 can hold the largest row; the caller then picks a coarser out_scale.
    """
    ratio = in_scale.value / out_scale.value
    # A row whose bias dwarfs its weights is scaled by the bias, or int32 would overflow.
    needed = np.maximum(weight_scale * ratio, max_abs_bias / _BIAS_LIMIT / out_scale.value)
    largest = max(float(needed.max(initial=0.0)), math.ldexp(1.0, -MAX_SHIFT))
    found = (_short_parts if short else _long_parts)(needed, largest, in_scale, out_scale)
    if found is None:
        return None
    parts, shift = found
    multiplier = parts * in_scale.mantissa
    return Multipliers(
        multiplier=multiplier.astype(np.int16),
        shift=shift,
        weight_scale=multiplier.astype(np.float64) * math.ldexp(1.0, -shift) * out_scale.value / in_scale.value,
    )


_Parts: TypeAlias = "tuple[npt.NDArray[np.int64], int]"


def _long_parts(needed: FloatArray, largest: float, in_scale: Scale, out_scale: Scale | RowScales) -> _Parts | None:
    """Multipliers over in_scale's mantissa with as many bits as fit, and their shift."""
    shift = min(MAX_SHIFT, math.floor(math.log2(MAX_MULTIPLIER / largest)))
    bits = _FLOAT32_BITS - out_scale.bits
    while shift >= MIN_SHIFT:
        parts = [_round_up_to_bits(max(1, math.ceil(math.ldexp(float(n), shift) / in_scale.mantissa)), bits) for n in needed]
        if max(parts, default=1) * in_scale.mantissa <= MAX_MULTIPLIER:
            return np.array(parts, dtype=np.int64), shift
        shift -= 1  # rounding up crossed 15 bits
    return None


def _short_parts(needed: FloatArray, largest: float, in_scale: Scale, _out_scale: Scale | RowScales) -> _Parts | None:
    """The same as one power of two times 1..255."""
    shift = min(MAX_SHIFT, math.floor(math.log2(MAX_SHORT * in_scale.mantissa / largest)))
    short = np.maximum(1, np.ceil(np.ldexp(needed, shift) / in_scale.mantissa)).astype(np.int64)
    if short.max(initial=1) > MAX_SHORT:
        shift -= 1
        short = np.maximum(1, np.ceil(np.ldexp(needed, shift) / in_scale.mantissa)).astype(np.int64)
    # As many bits as SMMULR's operand has: the shift is then at least 16 for most models.
    room = (MAX_MULTIPLIER // (int(short.max(initial=1)) * in_scale.mantissa)).bit_length() - 1
    up = min(room, MAX_SHIFT - shift)
    if up < 0 or shift + up < MIN_SHIFT:
        return None
    return short << up, shift + up


def round_to_short(value: FloatArray, *, odd: bool) -> npt.NDArray[np.int64]:
    """Round all values to int16 times the smallest power of two that holds them; odd: plus 1.

    An accumulator of doubled inputs plus an odd bias is always odd, so
    ``acc * multiplier`` is never an exact half of ``2**shift``: runtimes that
    round ties up and those that round them away from zero then agree on every
    input, by arithmetic rather than by luck.

    >>> round_to_short(np.array([0.2, 2.0, -2.4]), odd=True)
    array([ 1,  3, -3])
    >>> round_to_short(np.array([100000.0, -3.0, 7.0]), odd=False)
    array([100000,     -4,      8])
    """
    above = int(odd)
    bits = int(odd)
    while True:
        short = np.floor((value - above) * 2.0**-bits + 0.5)
        if short.min(initial=0) >= INT16_MIN and short.max(initial=0) <= INT16_MAX:
            return (short.astype(np.int64) << bits) + above
        bits += 1
