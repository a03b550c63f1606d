"""Row factors of a trained layer: chosen when it is prepared, and again while its weights move."""

from __future__ import annotations

import numpy as np

from edgeseq.arith.matmul import FloatArray, MatmulInput, WeightBits, largest_code, multipliers_for
from edgeseq.arith.requantize import Multipliers
from edgeseq.arith.scale import RowScales, Scale

# Shares of a row's largest weight that the largest 4-bit code may stand for.
STRETCHES = np.linspace(0.4, 1.0, 31)


def least_error_stretch(weight: FloatArray, bits: WeightBits) -> FloatArray:
    """Return per row the share of its largest weight at which clipping and rounding lose least; weight: (rows, columns).

    8-bit rows clip nothing: their rounding error is small beside what a clipped weight loses.
    """
    if bits == 8:
        return np.ones(len(weight))
    largest = largest_code(bits)
    step = np.maximum(np.abs(weight).max(axis=1), 1e-30)[:, None, None] / largest * STRETCHES[None, :, None]
    error = ((np.clip(np.rint(weight[:, None, :] / step), -largest, largest) * step - weight[:, None, :]) ** 2).sum(axis=2)
    return np.asarray(STRETCHES[error.argmin(axis=1)], dtype=np.float64)


def row_factors(
    kernel: FloatArray, bias: FloatArray, entering: MatmulInput, out_scale: Scale | RowScales, bits: WeightBits
) -> Multipliers | None:
    """`arith.matmul.multipliers_for` with the stretch that loses least; kernel: (columns, rows) as Keras lays it out."""
    weight = np.asarray(kernel, np.float64).T
    return multipliers_for(weight, np.asarray(bias, np.float64), entering, out_scale, bits, least_error_stretch(weight, bits))
