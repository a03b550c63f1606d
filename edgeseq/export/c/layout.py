"""The order in which a core's kernels read weights. The one place that decides it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.quantize.types import Matvec


def unit_major(values: npt.NDArray[Any], gates: int) -> npt.NDArray[Any]:
    """Reorder rows from gate-major (all z, all r, ...) to unit-major (z, r, ... of unit 0, of unit 1).

    values: (gates * units, ...). A fused kernel then reads each stream front to back.
    """
    rows = values.shape[0]
    blocks = values.reshape(gates, rows // gates, *values.shape[1:])
    return np.ascontiguousarray(blocks.swapaxes(0, 1)).reshape(values.shape)


def arrange(matrix: Matvec, gates: int) -> Matvec:
    """Return the matrix with its rows in the order that the portable kernels read."""
    return Matvec(
        unit_major(matrix.weight, gates),
        unit_major(matrix.bias, gates),
        unit_major(matrix.multiplier, gates),
        matrix.shift,
    )


def fold_zero_point(matrix: Matvec, zero_point: int) -> Matvec:
    """Return the matrix for inputs that keep their zero point: its share moves into the bias, exactly."""
    share = 2 * zero_point * matrix.weight.astype(np.int64).sum(axis=1)
    return Matvec(matrix.weight, (matrix.bias - share).astype(np.int32), matrix.multiplier, matrix.shift)
