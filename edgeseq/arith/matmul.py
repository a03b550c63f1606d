"""From real matrices to integer ones: row factors, codes and biases.

Used before any integer runs, by quantisation and by training that computes with the same integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.arith.requantize import Multipliers, choose_multipliers, round_to_short
from edgeseq.arith.scale import (
    MAX_PREACTIVATION_SHIFT,
    MIN_PREACTIVATION_SHIFT,
    RowScales,
    Scale,
    function_scale,
    preactivation_scale,
)
from edgeseq.errors import CalibrationError

FloatArray: TypeAlias = npt.NDArray[np.float64]
WeightBits = Literal[4, 8]
# How an int16 tensor enters the matrix products of a layer: by its top byte, or by its upper 15 bits.
Operand = Literal["int8", "int16"]
Scheme = Literal["int8", "int16x8", "int8x4", "int16x4"]
# How int16 tensors enter the products of a recurrent layer, and the bits of its weights.
SCHEME_PARTS: dict[Scheme, tuple[Operand, WeightBits]] = {
    "int8": ("int8", 8),
    "int16x8": ("int16", 8),
    "int8x4": ("int8", 4),
    "int16x4": ("int16", 4),
}
SCHEMES: tuple[Scheme, ...] = tuple(SCHEME_PARTS)

INT32_LIMIT = 2**31
# (q - zero_point) of an int8 input spans at most 255 codes.
INT8_SPAN = 255
INPUT16_SPAN = 16384
INT16_SPAN = 32768
# Streams run longer than calibration windows, and an LSTM cell integrates.
CELL_HEADROOM = 1.1
MAX_CELL_SHIFT = 7
# How much further than int16 holds a cell may have reached, where a bounded function reads it.
SATURATED_REACH = 2
# Nothing but calibration bounds a state whose candidate or share has no limit.
STATE_HEADROOM = 1.25
MAX_STATE_SHIFT = 15
# Products of gates and cells keep at least this shift.
MIN_PRODUCT_SHIFT = 7
# What lies between two factors of a matrix saturates beyond this much of its calibrated range.
RANK_HEADROOM = 1.1
MAX_FACTOR_SHIFT = 15
# Logits of unseen inputs exceed the calibrated ones; 4x costs 2 of 16 bits.
OUTPUT_HEADROOM = 4.0


@dataclass(frozen=True, slots=True)
class MatmulInput:
    """How a tensor enters an accumulator.

    scale: real value of one accumulator unit per weight step; span: largest magnitude that
    meets a weight; odd_bias: values enter doubled, and the bias is odd; zero_point: what the
    accumulator subtracts from each value, doubled too where values are.
    """

    scale: Scale
    span: int
    odd_bias: bool
    zero_point: int = 0

    @classmethod
    def doubled(cls, scale: Scale, span: int, zero_point: int = 0) -> MatmulInput:
        """A tensor of that scale whose values enter doubled, so that an accumulator unit is worth half."""
        return cls(scale.times_power_of_two(-1), 2 * span, odd_bias=True, zero_point=2 * zero_point)


def doubled_input(scale: Scale, operand: Operand, input_dtype: Operand | None = None, zero_point: int = 0) -> MatmulInput:
    """How a layer with doubled products reads a tensor: the model's input by its codes, or part of an int16.

    scale: of the tensor itself; input_dtype, zero_point: of the model's input; None and 0 for a tensor between layers.
    """
    match input_dtype:
        case "int8":
            return MatmulInput.doubled(scale, INT8_SPAN, zero_point)
        case "int16":
            return MatmulInput.doubled(scale, INPUT16_SPAN)
        case None:
            return int16_operand(scale, operand)


def whole_input(scale: Scale, input_dtype: Operand | None = None, zero_point: int = 0) -> MatmulInput:
    """How a Dense layer reads a tensor: int8 codes doubled, any int16 as it is."""
    if input_dtype == "int8":
        return MatmulInput.doubled(scale, INT8_SPAN, zero_point)
    return MatmulInput(scale, INT16_SPAN, odd_bias=False)


def int16_operand(scale: Scale, operand: Operand) -> MatmulInput:
    """How doubled products read an int16 tensor of that scale."""
    if operand == "int8":
        return MatmulInput.doubled(scale.times_power_of_two(8), INT8_SPAN)
    return MatmulInput.doubled(scale.times_power_of_two(1), INPUT16_SPAN)


def largest_code(bits: WeightBits) -> int:
    """Largest magnitude of a weight of that many bits: the range is symmetric."""
    return (1 << (bits - 1)) - 1


def row_reach(weight: FloatArray, entering: MatmulInput, largest_weight: int) -> FloatArray:
    """Largest weight magnitude per row, raised where sum(|w|) of an int16 input would overflow int32."""
    largest = np.abs(weight).max(axis=1, initial=0.0)
    if entering.span < INT16_SPAN:
        return np.asarray(largest, dtype=np.float64)
    return np.maximum(largest, largest_weight * least_weight_scale(weight, entering))


def least_weight_scale(weight: FloatArray, entering: MatmulInput) -> FloatArray:
    """Smallest weight scale per row at which int32 holds all products of an int16 input."""
    if entering.span < INT16_SPAN:
        return np.zeros(len(weight))
    # sum(|w_q|) * 2**15 < 2**30  <=  weight_scale >= sum(|w|) / 2**15 (half the room is for rounding and bias).
    return np.asarray(np.abs(weight).sum(axis=1) / 2.0**15, dtype=np.float64)


def multipliers_for(
    weight: FloatArray,
    bias: FloatArray,
    entering: MatmulInput,
    out_scale: Scale | RowScales,
    bits: WeightBits,
    stretch: float | FloatArray = 1.0,
) -> Multipliers | None:
    """`choose_multipliers` for a (rows, columns) matrix whose scales are stretched: below 1, the largest weights clip."""
    largest = largest_code(bits)
    reach = np.maximum(stretch * row_reach(weight, entering, largest) / largest, least_weight_scale(weight, entering))
    # Rows of unlike scales need multipliers too far apart for a byte.
    short = entering.odd_bias and isinstance(out_scale, Scale)
    return choose_multipliers(reach, np.abs(bias), entering.scale, out_scale, short=short)


def fit_preactivation(
    largest_part: float, scale_of: Callable[[int], Scale], attempt: Callable[[int], list[Multipliers | None]]
) -> tuple[int, list[Multipliers]] | None:
    """Return the finest pre-activation shift that holds the calibrated range and every row's factor, or None.

    scale_of(shift): of what must hold the range; attempt(shift): multipliers of all matrices that feed the activation.
    """
    for shift in range(MIN_PREACTIVATION_SHIFT, MAX_PREACTIVATION_SHIFT + 1):
        if largest_part > 32767 * scale_of(shift).value and shift < MAX_PREACTIVATION_SHIFT:
            continue
        tried = attempt(shift)
        found = [m for m in tried if m is not None]
        if len(found) == len(tried):
            return shift, found
    return None


def choose_preactivation(
    what: str, largest_part: float, attempt: Callable[[Scale], list[Multipliers | None]], function: str = "tanh"
) -> tuple[int, list[Multipliers]]:
    """Return shift and multipliers of the matrices that feed one function. Raises CalibrationError.

    attempt(scale) returns the multipliers of all of them.
    """

    def scale_of(shift: int) -> Scale:
        return function_scale(function, shift, 0)

    found = fit_preactivation(largest_part, scale_of, lambda shift: attempt(scale_of(shift)))
    if found is None:
        raise preactivation_error(what, largest_part)
    return found


def preactivation_error(what: str, largest_part: float) -> CalibrationError:
    """Of a layer whose rows no scale holds."""
    return CalibrationError(
        f"{what}: pre-activations reach {largest_part:.3g} or weights are too large for int16 at any scale "
        f"(limit {32767 * preactivation_scale(MAX_PREACTIVATION_SHIFT).value:.0f}). "
        "Scale the input down or give it int16 codes, or add a Normalization layer and train again"
    )


def choose_output(
    what: str, reach: float, attempt: Callable[[Scale], Multipliers | None], wanted: Scale | None = None
) -> tuple[Scale, Multipliers]:
    """Return the finest int16 output scale that holds `reach`, or is the wanted one, and every row's factor."""
    scale = wanted or Scale.at_least(max(reach, 2.0**-14) / 32767.0)
    for _ in range(16):
        found = attempt(scale)
        if found is not None:
            return scale, found
        scale = scale.times_power_of_two(1)
    raise CalibrationError(f"{what}: weights span too many orders of magnitude for 15-bit multipliers")


def power_shift(what: str, reach: float, limit: int, headroom: float = STATE_HEADROOM) -> int:
    """Return the smallest n >= 0 with ``headroom * reach <= 2**n``; what: named if it is beyond the limit."""
    shift = max(0, math.ceil(math.log2(headroom * reach))) if reach > 0 else 0
    if shift > limit:
        raise CalibrationError(
            f"{what} reached {reach:.3g}; int16 holds up to {2**limit}. Use a bounded activation, train with a "
            "smaller bias or shorter counting tasks, or scale the input down"
        )
    return shift


def cell_shift(what: str, reach: float, *, unbounded: bool) -> int:
    """Return the shift of an LSTM's cell, unbounded: read through relu or nothing.

    A bounded function is at its end long before 2**MAX_CELL_SHIFT, so a cell beyond that may saturate: its state stays the
    same, and what differs is how soon the cell comes down again. Raises CalibrationError where it reached further still.
    """
    limit = MAX_STATE_SHIFT if unbounded else MAX_CELL_SHIFT
    if not unbounded and 2**limit < CELL_HEADROOM * reach <= SATURATED_REACH * 2**limit:
        return limit
    return power_shift(what, reach, limit, CELL_HEADROOM)


def weight_scales(multiplier: npt.NDArray[np.integer], shift: int, in_scale: Scale, out_scale: Scale | RowScales) -> FloatArray:
    """Real value of one weight step per row: what the multipliers say (see `choose_multipliers`)."""
    return np.asarray(multiplier.astype(np.float64) * math.ldexp(1.0, -shift) * out_scale.value / in_scale.value)


def round_weights(weight: FloatArray, weight_scale: FloatArray, bits: WeightBits) -> npt.NDArray[np.int8]:
    """Each weight of (rows, columns) to its nearest code, ties to even: how training rounds."""
    largest = largest_code(bits)
    return np.clip(np.rint(weight / weight_scale[:, None]), -largest, largest).astype(np.int8)


def round_bias(
    bias: FloatArray, weight_scale: FloatArray, entering: MatmulInput, codes: npt.NDArray[np.int8]
) -> npt.NDArray[np.int64]:
    """Return the bias (rows,) in accumulator steps.

    Once the zero point's share is folded into it, a bias is 16 bits times one power of two (plus 1
    if odd): small code stores it so, and what is lost is far below a step of the result.
    """
    real_steps = bias / (weight_scale * entering.scale.value)
    share = entering.zero_point * codes.astype(np.int64).sum(axis=1)
    return round_to_short(real_steps - share, odd=entering.odd_bias) + share
