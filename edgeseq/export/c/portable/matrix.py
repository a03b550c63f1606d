"""A matrix as the portable kernels read it: one row at a time, 16-bit multipliers, nothing padded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeseq.export.c.emit import array
from edgeseq.export.c.sparse import Cost, best, note, stored_blocks, without_zeros
from edgeseq.quantize.types import Matvec, Operand

Form = Literal["dense", "sparse"]
# Bytes of a sparse row loop beyond those of a dense one, unrolled for one matrix; bytes that its row starts reach.
_SPARSE_CODE, _MAX_SPARSE = 400, 1 << 16
# Instructions of four columns on a Cortex-M4 (zig, -O3): dense ones beyond what a block left out costs, and stored ones.
_DENSE_BLOCK, _SPARSE_BLOCK = 7.2, 13.3


@dataclass(frozen=True, slots=True)
class StoredMatrix:
    """data: array definitions; initializer: of an es_matrix; bytes of the weights and of the rest."""

    data: str
    initializer: str
    weight_bytes: int
    table_bytes: int


def store(name: str, matrix: Matvec, bias: npt.NDArray[np.int32] | None, *, form: Form = "dense") -> StoredMatrix:
    """Print a matrix; bias: what is stored of it, or None."""
    weight = _packed(matrix) if form == "dense" else _sparse(matrix)
    data = array(f"{name}_weight", weight) + array(f"{name}_multiplier", matrix.multiplier)
    table_bytes = 2 * matrix.rows
    bias_name = "NULL"
    if bias is not None:
        bias_name = f"{name}_bias"
        data += array(bias_name, bias)
        table_bytes += 4 * bias.size
    return StoredMatrix(data, f"{{{name}_weight, {bias_name}, {name}_multiplier, {matrix.shift}}}", weight.size, table_bytes)


def form_of(matrix: Matvec) -> Form:
    """How the weights lie that a step reads row by row."""
    if matrix.bits == 4:
        return "dense"
    sparse = _sparse(matrix).size
    blocks = stored_blocks(matrix.weight, matrix.rows, (1, 4))
    costs = [
        Cost(matrix.weight.size, _DENSE_BLOCK * blocks.size),
        Cost(sparse + _SPARSE_CODE, _SPARSE_BLOCK * float(blocks.sum())),
    ]
    return "sparse" if best(costs) == 1 and sparse < _MAX_SPARSE else "dense"


def sparse_notes(**matrices: Matvec) -> tuple[str, ...]:
    """Those of named matrices that are stored without zeros."""
    return tuple(
        note(name, matrix.weight, matrix.rows, (1, 4)) for name, matrix in matrices.items() if form_of(matrix) == "sparse"
    )


def _packed(matrix: Matvec) -> npt.NDArray[np.int8]:
    return pack_nibbles(matrix.weight) if matrix.bits == 4 else matrix.weight


def _sparse(matrix: Matvec) -> npt.NDArray[np.int8]:
    """Where each row lies, then the rows without their zero blocks. Reader: es_dot_s8_sparse, es_dot_s16_sparse."""
    rows = [without_zeros(row, lambda block: block) for row in matrix.weight]
    starts = 2 * matrix.rows + np.cumsum([0, *(row.size for row in rows[:-1])])
    return np.concatenate([starts.astype("<u2").view(np.int8), *rows])


def pack_nibbles(weight: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Two 4-bit weights a byte, the first in the low half; rows end at a whole byte. Reader: es_low_nibble, es_high_nibble."""
    padded = np.pad(weight, ((0, 0), (0, weight.shape[1] % 2))).view(np.uint8)
    return ((padded[:, 0::2] & 15) | (padded[:, 1::2] << 4)).astype(np.uint8).view(np.int8)


def suffix(operand: Operand) -> str:
    """How kernel names call what they read."""
    return "s8" if operand == "int8" else "s16"


def dot_kernel(operand: Operand, matrix: Matvec, *, form: Form = "dense") -> str:
    """The file of the row loop."""
    if form == "sparse":
        return f"es_dot_{suffix(operand)}_sparse.c"
    return f"es_dot_{suffix(operand)}{'_w4' if matrix.bits == 4 else ''}.c"


def row_function(operand: Operand, matrix: Matvec) -> str:
    """The requantised row of es_matrix_row.h."""
    return f"es_row_{suffix(operand)}_{row_format(matrix)}"


def row_format(matrix: Matvec) -> str:
    """How names of functions call the way its weights lie."""
    return "sparse" if form_of(matrix) == "sparse" else f"w{matrix.bits}"
