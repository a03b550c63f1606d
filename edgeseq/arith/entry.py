"""The model's input: codes of raw values, and which codes lose least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeseq.arith.matmul import FloatArray, Operand
from edgeseq.arith.scale import Scale

InputDtype = Literal["auto", "int8", "int16"]
# int8 weights leave states at 35 to 50 dB on average, and single windows far lower where a
# cell integrates: rounding the input to int8 must be far below that. It is not for most
# standardised signals, and least for heavy tails such as raw vibration; data
# on a binary grid (pixels, ADC codes of 8 bits) loses nothing and stays int8.
MIN_INPUT_SQNR_DB = 50.0
# Unseen inputs exceed the calibrated range, and int16 codes have room to spare.
INT16_HEADROOM = 2.0


def code_range(dtype: Operand) -> tuple[int, int]:
    """Smallest and largest input code: an int16 one has 15 bits, so that its double is still an int16."""
    return (-128, 127) if dtype == "int8" else (-16384, 16383)


def affine(
    mean: FloatArray, std: FloatArray, scale: Scale, zero_point: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return float32 (gain, offset) per feature: ``code = floor(raw * gain + offset + 0.5)``, each step in float32."""
    gain = 1.0 / (std * scale.value)
    offset = zero_point - mean * gain
    return gain.astype(np.float32), offset.astype(np.float32)


def int16_input(normalized: FloatArray) -> Scale:
    """Return the scale of 15-bit codes for normalised values."""
    return Scale.at_least(INT16_HEADROOM * float(np.abs(normalized).max()) / 16383.0)


def int8_input(
    normalized: FloatArray, spans: Sequence[tuple[float, float]] = (), *, symmetric: bool = False
) -> tuple[Scale, int]:
    """Pick the int8 scale and zero point with the least mean square error over the data.

    spans: smallest and largest value that the codes may be chosen to cover; by default all that occur.
    symmetric: code 0 must mean 0.
    """
    flat = normalized.ravel()
    candidates = [codes for span in spans or [(float(flat.min()), float(flat.max()))] for codes in _int8_codes(*span)]
    if symmetric:
        candidates = [codes for codes in candidates if codes[1] == 0]
    return min(candidates, key=lambda c: _mean_square_error(flat, c[0], c[1]))


def _int8_codes(low: float, high: float) -> list[tuple[Scale, int]]:
    """Scale and zero point for a span: symmetric, asymmetric, and of both the next powers of two.

    Those are exact for data that already lies on a binary grid (ADC codes, pixels, q0.7, on and off). The finer of two
    exact ones comes first: a row of few weight bits has room for it.
    """
    magnitude = max(abs(low), abs(high))
    span_low, span_high = min(low, 0.0), max(high, 0.0)
    symmetric = Scale.at_least(magnitude / 127.0)
    asymmetric = Scale.at_least((span_high - span_low) / 255.0)
    # 128 or 256 steps of a power of two reach the end itself; the one clipped code is judged by its error.
    binary, grid = (Scale.at_least(value, bits=1) for value in (magnitude / 128.0, (span_high - span_low) / 256.0))
    grids = [grid, grid.times_power_of_two(1)]
    shifted = [(scale, int(np.clip(np.round(-128 - span_low / scale.value), -128, 127))) for scale in (*grids, asymmetric)]
    return [(symmetric, 0), *shifted[:2], (binary, 0), (binary.times_power_of_two(1), 0), shifted[2]]


def _mean_square_error(values: FloatArray, scale: Scale, zero_point: int) -> float:
    codes = np.clip(np.round(values / scale.value) + zero_point, -128, 127)
    return float(np.mean(((codes - zero_point) * scale.value - values) ** 2))
