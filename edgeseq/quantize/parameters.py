"""Float matrices -> integer matrices with exact multipliers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
from edgeseq.graph.layers import FloatArray
from edgeseq.quantize.rounding import Moments, best_steps
from edgeseq.quantize.types import Matvec, WeightBits

INT32_LIMIT = 2**31
# (q - zero_point) of an int8 input spans at most 255 codes.
INT8_SPAN = 255
INPUT16_SPAN = 16384
INT16_SPAN = 32768


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


def quantize_matrix(
    bias: FloatArray, multipliers: Multipliers, entering: MatmulInput, codes: npt.NDArray[np.int8], bits: WeightBits
) -> Matvec:
    """Join rounded weights (rows, columns) with the bias in accumulator steps; proves that int32 suffices.

    Once the zero point's share is folded into it, a bias is 16 bits times one power of two (plus 1
    if odd): small code stores it so, and what is lost is far below a step of the result.
    """
    real_steps = bias / (multipliers.weight_scale * entering.scale.value)
    share = entering.zero_point * codes.astype(np.int64).sum(axis=1)
    bias_codes = round_to_short(real_steps - share, odd=entering.odd_bias) + share
    reach = np.abs(codes.astype(np.int64)).sum(axis=1) * entering.span + np.abs(bias_codes)
    if reach.max(initial=0) >= INT32_LIMIT:
        raise CalibrationError(f"a matrix of {codes.shape[1]} inputs can overflow its int32 accumulator; use a smaller layer")
    return Matvec(codes, bias_codes.astype(np.int32), multipliers.multiplier, multipliers.shift, bits)


def row_steps(weight: FloatArray, entering: MatmulInput, bits: WeightBits, moments: Moments | None) -> FloatArray:
    """Real value of one weight code per row (rows,); moments: of the matrix' input, if they are known.

    At 8 bits a row's largest weight takes the last code. At 4 bits clipping it often disturbs the
    products less than coarse codes do, so the step of least error is taken.
    """
    largest = (1 << (bits - 1)) - 1
    if bits == 4 and moments is not None:
        steps = best_steps(weight, bits, moments)
    else:
        steps = np.abs(weight).max(axis=1, initial=0.0) / largest
    if entering.span < INT16_SPAN:
        return np.asarray(steps, dtype=np.float64)
    # sum(|w_q|) * 2**15 < 2**30  <=  step >= sum(|w|) / 2**15 (half the room is for rounding and bias).
    return np.maximum(steps, np.abs(weight).sum(axis=1) / 2.0**15)


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
    what: str, largest_part: float, function: str, attempt: Callable[[Scale], Multipliers | None]
) -> tuple[int, Multipliers]:
    """Return shift and multipliers of the one matrix that feeds a function. Raises CalibrationError."""

    def scale_of(shift: int) -> Scale:
        return function_scale(function, shift, 0)

    found = fit_preactivation(largest_part, scale_of, lambda shift: [attempt(scale_of(shift))])
    if found is None:
        raise preactivation_error(what, largest_part)
    return found[0], found[1][0]


def preactivation_error(what: str, largest_part: float) -> CalibrationError:
    """Of a layer whose rows no scale holds."""
    return CalibrationError(
        f"{what}: pre-activations reach {largest_part:.3g} or weights are too large for int16 at any scale "
        f"(limit {32767 * preactivation_scale(MAX_PREACTIVATION_SHIFT).value:.0f}). "
        "Scale the input down, or add a Normalization layer and train again"
    )


def multipliers_for(
    weight: FloatArray,
    bias: FloatArray,
    entering: MatmulInput,
    out_scale: Scale | RowScales,
    bits: WeightBits,
    stretch: float = 1.0,
    *,
    moments: Moments | None = None,
) -> Multipliers | None:
    """`choose_multipliers` for a (rows, columns) matrix whose steps are stretched; moments: see `row_steps`."""
    steps = stretch * row_steps(weight, entering, bits, moments)
    # Rows of unlike scales need multipliers too far apart for a byte.
    short = entering.odd_bias and isinstance(out_scale, Scale)
    return choose_multipliers(steps, np.abs(bias), entering.scale, out_scale, short=short)
