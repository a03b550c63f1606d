"""Exact scales: a short integer mantissa times a power of two.

A requantisation agrees bit for bit between TFLite, ONNX and C only if every
runtime can represent its factor exactly. TFLite stores scales as float32, so a
scale here is ``mantissa * 2**exponent`` with few mantissa bits: products of two
scales, and their quotient by a third, are then exact in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Activation scales get 7 bits: at most 1.6 % of range is lost to rounding up,
# and a 15-bit multiplier keeps 8 bits for the weight scale.
ACTIVATION_MANTISSA_BITS = 7


@dataclass(frozen=True, slots=True, order=False)
class Scale:
    """The real value of one integer step: ``mantissa * 2**exponent``.

    >>> Scale(3, -4).value
    0.1875
    """

    mantissa: int
    exponent: int

    def __post_init__(self) -> None:
        if self.mantissa < 1:
            raise ValueError(f"scale mantissa must be positive, got {self.mantissa}")

    @property
    def value(self) -> float:
        """The scale as a float, exact for every scale that edgeseq makes."""
        return math.ldexp(self.mantissa, self.exponent)

    @property
    def bits(self) -> int:
        """Significant bits of the mantissa."""
        return self.mantissa.bit_length()

    def times_power_of_two(self, exponent: int) -> Scale:
        """Return this scale multiplied by ``2**exponent``."""
        return Scale(self.mantissa, self.exponent + exponent)

    @classmethod
    def at_least(cls, value: float, bits: int = ACTIVATION_MANTISSA_BITS) -> Scale:
        """Return the smallest scale >= value whose mantissa has at most `bits` bits.

        Trailing zeros are moved into the exponent, so equal values compare equal.

        >>> Scale.at_least(0.1)
        Scale(mantissa=103, exponent=-10)
        >>> Scale.at_least(0.25)
        Scale(mantissa=1, exponent=-2)
        """
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"a scale must be positive and finite, got {value!r}")
        fraction, exponent = math.frexp(value)
        mantissa = math.ceil(math.ldexp(fraction, bits))
        exponent -= bits
        while mantissa % 2 == 0:
            mantissa //= 2
            exponent += 1
        return cls(mantissa, exponent)


@dataclass(frozen=True, slots=True)
class RowScales:
    """Scales of the row blocks of one matrix, `rows` rows each.

    >>> RowScales((Scale(1, 0), Scale(1, -1)), 2).value
    array([1. , 1. , 0.5, 0.5])
    """

    blocks: tuple[Scale, ...]
    rows: int

    @property
    def value(self) -> npt.NDArray[np.float64]:
        """Real value of one step of each row."""
        return np.repeat([scale.value for scale in self.blocks], self.rows)

    @property
    def bits(self) -> int:
        """Significant bits of the longest mantissa."""
        return max(scale.bits for scale in self.blocks)


# h, gates and activations: int16 in [-1, 1).
Q15 = Scale(1, -15)
# The int8 view of a Q15 tensor: its top byte.
Q7 = Scale(1, -7)

# 10923 / 2**27 is 1/12288 (the step of the sigmoid table's argument) times
# 1.00003: TFLite's LOGISTIC and TANH truncate scale * 12288 to a 15-bit
# multiplier, and this mantissa truncates to exactly 2**14. The conversion from
# pre-activation to table argument is then a pure left shift in every runtime.
_TABLE_STEP_MANTISSA = 10923
_TABLE_STEP_EXPONENT = -27
MIN_PREACTIVATION_SHIFT = 2  # range +-10.67; sigmoid saturates there
MAX_PREACTIVATION_SHIFT = 7


def preactivation_scale(shift: int) -> Scale:
    """Return the int16 pre-activation scale whose table argument is ``v << shift``.

    Range is +-``32768 * 2**shift / 12288``: 10.67 for shift 2, 21.3 for shift 3.

    >>> round(preactivation_scale(2).value * 32768, 2)
    10.67
    """
    if not MIN_PREACTIVATION_SHIFT <= shift <= MAX_PREACTIVATION_SHIFT:
        raise ValueError(f"pre-activation shift must be 2..7, got {shift}")
    return Scale(_TABLE_STEP_MANTISSA, _TABLE_STEP_EXPONENT + shift)


# x = v * scale, and slope * x is v << (shift - 1) in steps of 2**-15: a mantissa of 1 / (2 * slope) does that. Keras 2
# computed 0.2 * x + 0.5, Keras 3 relu6(x + 3) / 6.
_HARD_MANTISSA = {"hard_sigmoid": 3, "hard_sigmoid_keras2": 5}
_HARD_EXPONENT = {"hard_sigmoid": -15, "hard_sigmoid_keras2": -16}


def function_scale(function: str, preactivation_shift: int, unbounded_shift: int) -> Scale:
    """Return the int16 scale at which a cell's function takes its argument.

    sigmoid, tanh: that of the table. hard_sigmoid: one at which its slope is a power of two; its range is
    about the table's. relu, linear: that of their result, 2**(unbounded_shift - 15).

    >>> function_scale("relu", 2, 1), function_scale("hard_sigmoid", 2, 0)
    (Scale(mantissa=1, exponent=-14), Scale(mantissa=3, exponent=-13))
    """
    if function in ("relu", "linear"):
        return power_of_two(unbounded_shift)
    if function in _HARD_MANTISSA:
        return Scale(_HARD_MANTISSA[function], _HARD_EXPONENT[function] + preactivation_shift)
    return preactivation_scale(preactivation_shift)


def row_scales(
    functions: Sequence[str], preactivation_shift: int, unbounded_shifts: Sequence[int], units: int
) -> Scale | RowScales:
    """Return the scales of a cell's row blocks, or the one scale that all of them have.

    functions, unbounded_shifts: one per block, see `function_scale`; units: rows of each.

    >>> row_scales(("sigmoid", "tanh"), 2, (0, 0), 8)
    Scale(mantissa=10923, exponent=-25)
    """
    blocks = tuple(function_scale(f, preactivation_shift, s) for f, s in zip(functions, unbounded_shifts, strict=True))
    return blocks[0] if len(set(blocks)) == 1 else RowScales(blocks, units)


def power_of_two(shift: int) -> Scale:
    """Return the scale of an int16 tensor that reaches 2**shift.

    >>> power_of_two(0) == Q15
    True
    """
    return Q15.times_power_of_two(shift)
