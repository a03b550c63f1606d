"""Float matrices -> integer matrices with exact multipliers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgeseq.arith.requantize import Multipliers, choose_multipliers, round_to_odd
from edgeseq.arith.scale import (
    MAX_PREACTIVATION_SHIFT,
    MIN_PREACTIVATION_SHIFT,
    Scale,
    preactivation_scale,
)
from edgeseq.errors import CalibrationError
from edgeseq.graph.layers import FloatArray
from edgeseq.quantize.types import Matvec

INT32_LIMIT = 2**31
# (q - zero_point) of an int8 input spans at most 255 codes.
_INT8_INPUT_SPAN = 255
_INT16_INPUT_SPAN = 32768


def doubled(scale: Scale) -> Scale:
    """Scale of an int8 tensor as a matmul input: values enter doubled, so a step is worth half."""
    return scale.times_power_of_two(-1)


def quantize_matrix(
    weight: FloatArray,
    bias: FloatArray,
    multipliers: Multipliers,
    in_scale: Scale,
    codes: npt.NDArray[np.int8],
    *,
    int8_input: bool,
) -> Matvec:
    """Join rounded weights (rows, columns) with the bias in accumulator steps; proves that int32 suffices."""
    real_steps = bias / (multipliers.weight_scale * in_scale.value)
    bias_codes = round_to_odd(real_steps) if int8_input else np.round(real_steps).astype(np.int64)
    span = 2 * _INT8_INPUT_SPAN if int8_input else _INT16_INPUT_SPAN
    reach = np.abs(codes.astype(np.int64)).sum(axis=1) * span + np.abs(bias_codes)
    if reach.max(initial=0) >= INT32_LIMIT:
        raise CalibrationError(f"a matrix of {weight.shape[1]} inputs can overflow its int32 accumulator; use a smaller layer")
    return Matvec(codes, bias_codes.astype(np.int32), multipliers.multiplier, multipliers.shift)


def row_reach(weight: FloatArray, *, int8_input: bool) -> FloatArray:
    """Largest weight magnitude per row, raised where sum(|w|) of an int16 input would overflow int32."""
    largest = np.abs(weight).max(axis=1, initial=0.0)
    if int8_input:
        return np.asarray(largest, dtype=np.float64)
    # sum(|w_q|) * 2**15 < 2**30  <=  weight_scale >= sum(|w|) / 2**15 (half the room is for rounding and bias).
    return np.maximum(largest, 127.0 * np.abs(weight).sum(axis=1) / 2.0**15)


def choose_preactivation(
    what: str, largest_part: float, attempt: Callable[[Scale], list[Multipliers | None]]
) -> tuple[int, list[Multipliers]]:
    """Return the finest pre-activation shift that holds the calibrated range and every row's factor.

    attempt(scale) returns the multipliers of all matrices that feed the activation.
    """
    for shift in range(MIN_PREACTIVATION_SHIFT, MAX_PREACTIVATION_SHIFT + 1):
        scale = preactivation_scale(shift)
        if largest_part > 32767 * scale.value and shift < MAX_PREACTIVATION_SHIFT:
            continue
        found = [m for m in attempt(scale) if m is not None]
        if len(found) == len(attempt(scale)):
            return shift, found
    raise CalibrationError(
        f"{what}: pre-activations reach {largest_part:.3g} or weights are too large for int16 at any scale "
        f"(limit {32767 * preactivation_scale(MAX_PREACTIVATION_SHIFT).value:.0f}). "
        "Scale the input down, or add a Normalization layer and train again"
    )


def multipliers_for(
    weight: FloatArray, bias: FloatArray, in_scale: Scale, out_scale: Scale, *, int8_input: bool
) -> Multipliers | None:
    """`choose_multipliers` for a (rows, columns) matrix."""
    return choose_multipliers(row_reach(weight, int8_input=int8_input), np.abs(bias), in_scale, out_scale)
