"""A matrix as the portable kernels read it: one row at a time, 16-bit multipliers, nothing padded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq.export.c.emit import array
from edgeseq.quantize.types import Matvec, Operand


@dataclass(frozen=True, slots=True)
class StoredMatrix:
    """data: array definitions; initializer: of an es_matrix; bytes of the weights and of the rest."""

    data: str
    initializer: str
    weight_bytes: int
    table_bytes: int


def store(name: str, matrix: Matvec, bias: npt.NDArray[np.int32] | None) -> StoredMatrix:
    """Print a matrix; bias: what is stored of it, or None."""
    weight = pack_nibbles(matrix.weight) if matrix.bits == 4 else matrix.weight
    data = array(f"{name}_weight", weight) + array(f"{name}_multiplier", matrix.multiplier)
    table_bytes = 2 * matrix.rows
    bias_name = "NULL"
    if bias is not None:
        bias_name = f"{name}_bias"
        data += array(bias_name, bias)
        table_bytes += 4 * bias.size
    return StoredMatrix(data, f"{{{name}_weight, {bias_name}, {name}_multiplier, {matrix.shift}}}", weight.size, table_bytes)


def pack_nibbles(weight: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Two 4-bit weights a byte, the first in the low half; rows end at a whole byte. Reader: es_low_nibble, es_high_nibble."""
    padded = np.pad(weight, ((0, 0), (0, weight.shape[1] % 2))).view(np.uint8)
    return ((padded[:, 0::2] & 15) | (padded[:, 1::2] << 4)).astype(np.uint8).view(np.int8)


def suffix(operand: Operand) -> str:
    """How kernel names call what they read."""
    return "s8" if operand == "int8" else "s16"


def dot_kernel(operand: Operand, matrix: Matvec) -> str:
    """The file of the row loop."""
    return f"es_dot_{suffix(operand)}{'_w4' if matrix.bits == 4 else ''}.c"


def row_function(operand: Operand, matrix: Matvec) -> str:
    """The requantised row of es_matrix_row.h."""
    return f"es_row_{suffix(operand)}_w{matrix.bits}"
