"""What kernels rely on in any matrix."""

from __future__ import annotations

import numpy as np

from edgeseq.arith.requantize import MAX_SHIFT, MIN_SHIFT
from edgeseq.arith.scale import MAX_PREACTIVATION_SHIFT, MIN_PREACTIVATION_SHIFT
from edgeseq.quantize.types import Matvec


def matvec_problem(matrix: Matvec, columns: int, rows: int | None) -> str | None:
    """Return what is wrong with a matrix of that many columns and rows (None: any)."""
    if matrix.weight.ndim != 2 or matrix.weight.dtype != np.int8 or matrix.columns != columns:
        return f"weights {matrix.weight.shape} {matrix.weight.dtype} do not fit {columns} inputs"
    if rows is not None and matrix.rows != rows:
        return f"{matrix.rows} rows; expected {rows}"
    return _range_problem(matrix) or _row_problem(matrix)


def _range_problem(matrix: Matvec) -> str | None:
    if matrix.bits not in (4, 8):
        return f"weights of {matrix.bits!r} bits"
    weight = matrix.weight.astype(np.int16)
    if np.abs(weight).max(initial=0) > matrix.largest_weight:
        largest = weight.flat[np.abs(weight).argmax()]
        return f"a weight of {largest}; expected {-matrix.largest_weight}..{matrix.largest_weight}"
    return None


def _row_problem(matrix: Matvec) -> str | None:
    if matrix.bias.shape != (matrix.rows,) or matrix.bias.dtype != np.int32:
        return f"bias {matrix.bias.shape} {matrix.bias.dtype} does not fit {matrix.rows} rows"
    if matrix.multiplier.shape != (matrix.rows,) or matrix.multiplier.dtype != np.int16 or (matrix.multiplier < 1).any():
        return "multipliers are not one positive int16 per row"
    shifts = isinstance(matrix.shift, int) and MIN_SHIFT <= matrix.shift <= MAX_SHIFT
    return None if shifts else f"shift {matrix.shift!r} is outside {MIN_SHIFT}..{MAX_SHIFT}"


def shift_problem(shift: int, *, used: bool) -> str | None:
    """Return what is wrong with a pre-activation shift; used: whether the layer reads it."""
    if used and not (isinstance(shift, int) and MIN_PREACTIVATION_SHIFT <= shift <= MAX_PREACTIVATION_SHIFT):
        return f"pre-activation shift {shift!r} is outside {MIN_PREACTIVATION_SHIFT}..{MAX_PREACTIVATION_SHIFT}"
    return None


def power_problem(what: str, shift: int, limit: int) -> str | None:
    """Return what is wrong with an exponent of steps of 2**(shift-15)."""
    if isinstance(shift, bool) or not isinstance(shift, int) or not 0 <= shift <= limit:
        return f"{what} shift {shift!r} is outside 0..{limit}"
    return None
