"""Any function of one int16 by a table of 513 entries with linear interpolation.

The integers are those of TFLite's ``LUTLookup`` for int16 (tensorflow/lite/kernels/internal/common.h). C twin:
``es_lookup`` in firmware_templates/kernels/es_functions.h.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.arith.requantize import IntArray

ENTRIES = 513
STEP = 128  # inputs from one entry to the next


def lookup(value: IntArray, table: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
    """Return the table's function of int16 values. table: entry i stands for the input 128 * (i - 256).

    >>> lookup(np.array([-32768, 64, 32767]), np.arange(-256, 257, dtype=np.int16))
    array([-256,    1,  256], dtype=int32)
    """
    wide = value.astype(np.int32)
    index, offset = 256 + (wide >> 7), wide & 0x7F
    base = table[index].astype(np.int32)
    slope = table[index + 1].astype(np.int32) - base
    return base + ((slope * offset + 64) >> 7)


def table_problem(table: npt.NDArray[np.int16]) -> str | None:
    """Return what is wrong with a table, or None: its shape, its type, or a step that int16 cannot hold."""
    if table.shape != (ENTRIES,) or table.dtype != np.int16:
        return f"a table of {table.shape} {table.dtype}; expected ({ENTRIES},) int16"
    if np.abs(np.diff(table.astype(np.int32))).max() > np.iinfo(np.int16).max:
        return "a table with a step beyond int16"
    return None
