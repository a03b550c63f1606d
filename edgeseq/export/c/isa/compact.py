"""The smallest image: 16-bit biases, 8-bit multipliers, nothing padded. The format: kernels/fast/compact/es_isa.h."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.arith.requantize import MAX_SHORT
from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.isa.base import Isa, Packed, Sparse
from edgeseq.export.c.layout import Cell, Entry
from edgeseq.export.c.sparse import without_zeros
from edgeseq.quantize.types import Matvec

Bytes = npt.NDArray[np.int8]
_INT16 = np.iinfo(np.int16)


class Compact(Isa):
    """One unit at a time, one loop for every matrix."""

    name = "compact"
    group = 1
    weight_bits = (4, 8)
    wide_state = True
    sparse_block = (1, 4)
    sparse_code = 100

    def refusal(self, cell: Cell) -> str | None:
        """Quantisation keeps biases and multipliers short; files of earlier versions may hold others."""
        for matrix in (cell.input, cell.state):
            if _unit(matrix) is None:
                return "its multipliers take more than 8 bits; quantize the model again"
        if _bias_shift(cell.input.bias - 1) is None or _bias_shift(_apart(cell) - 1) is None:
            return "its biases take more than 16 bits; quantize the model again"
        return None

    def refusal_dense(self, matrix: Matvec) -> str | None:
        """The same for a Dense layer, whose multipliers have 16 bits."""
        return None if _bias_shift(matrix.bias) is not None else "its biases take more than 16 bits; quantize the model again"

    def sparse_forms(self, cell: Cell) -> tuple[Sparse, ...]:
        """Both matrices, which one function reads."""
        return ((True, True),)

    def view(self, name: str, size: int, cell: Cell, entry: Entry, reason: str) -> Buffer | None:
        """Doubled int16 values; of 4-bit weights an even number."""
        return Buffer(name, "int16", size + (size % 2 if cell.weight_bits == 4 else 0), reason)

    def pack(self, cell: Cell) -> Packed:
        """Unit by unit, gate by gate."""
        apart = _apart(cell)
        matrices = (cell.input, cell.state)
        factors = [_known(_unit(matrix)) for matrix in matrices]
        shifts = [_known(_bias_shift(bias - 1)) for bias in (cell.input.bias, apart)]
        pieces: list[Bytes] = []
        weight_bytes = 0
        for phase in cell.phases:
            for unit in range(cell.units):
                for gate in (*phase.sums, *phase.parts):
                    row = gate * cell.units + unit
                    input_, state = (_weights(m.weight[row], cell.weight_bits, sparse=any(cell.sparse)) for m in matrices)
                    pieces += [_bias(cell.input, row, shifts[0]), _multiplier(cell.input, row, factors[0]), input_]
                    pieces += [_bias(cell.state, row, shifts[1])] if gate in phase.parts else []
                    pieces += [_multiplier(cell.state, row, factors[1]), state]
                    weight_bytes += input_.size + state.size
        for matrix, factor, shift in zip(matrices, factors, shifts, strict=True):
            pieces += [_little(shift, 1), _little(factor << (32 - matrix.shift), 4)]
        return Packed(np.concatenate(pieces), weight_bytes)

    def pack_dense(self, matrix: Matvec) -> Packed:
        """Row by row."""
        shift = _known(_bias_shift(matrix.bias))
        pieces = [_little(shift, 1)]
        for row in range(matrix.rows):
            pieces += [_bias(matrix, row, shift), _little(int(matrix.multiplier[row]), 2), matrix.weight[row]]
        return Packed(np.concatenate(pieces), matrix.weight.size)


def _multiplier(matrix: Matvec, row: int, unit: int) -> Bytes:
    return _little(int(matrix.multiplier[row]) // unit, 1)


def _weights(row: Bytes, bits: int, *, sparse: bool) -> Bytes:
    """Those of 4 bits two a byte, the first one low."""
    if sparse:
        return without_zeros(row, lambda block: _weights(block, bits, sparse=False))
    if bits == 8:
        return row
    pairs = np.pad(row, (0, row.size % 2)).reshape(-1, 2)
    return (pairs[:, 0] & 15) | (pairs[:, 1] << 4)


def _bias(matrix: Matvec, row: int, shift: int) -> Bytes:
    return _little(int(matrix.bias[row]) >> shift, 2)


def _apart(cell: Cell) -> npt.NDArray[np.int32]:
    """Biases of the state rows that keep their part apart."""
    gates = [gate for phase in cell.phases for gate in phase.parts]
    return cell.state.bias.reshape(cell.gates, cell.units)[gates].ravel()


def _unit(matrix: Matvec) -> int | None:
    """Largest number that divides all multipliers, if what is left of each takes one byte."""
    unit = int(np.gcd.reduce(matrix.multiplier.astype(np.int64)))
    return unit if matrix.multiplier.max() // unit <= MAX_SHORT else None


def _bias_shift(bias: npt.NDArray[np.int32]) -> int | None:
    """Largest power of two that divides all biases, if what is left of each takes 16 bits."""
    union = int(np.bitwise_or.reduce(bias.astype(np.int64), initial=0))
    shift = (union & -union).bit_length() - 1 if union else 0
    short = bias >> shift
    return shift if short.min(initial=0) >= _INT16.min and short.max(initial=0) <= _INT16.max else None


def _known(value: int | None) -> int:
    """A value that `refusal` has checked."""
    assert value is not None
    return value


def _little(value: int, width: int) -> Bytes:
    """The low bytes of a value, little-endian."""
    return np.frombuffer((value & (1 << 8 * width) - 1).to_bytes(width, "little"), np.int8)
