"""8-bit AVR: unsigned bytes, four rows at a time. The format is described in kernels/fast/avr/es_isa.h."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.isa.base import Bytes, Isa, Packed, Rows, beyond
from edgeseq.export.c.layout import Cell, Entry
from edgeseq.quantize.types import Matvec

_MIN_SHIFT = 16
_MAX_SHIFT = 24  # a scale of at least 1 follows the multiplier
_USUAL_SHIFT = 18  # has a row loop of its own
_OFFSET = 128
_WIDE_ROWS = 2


class Avr(Isa):
    """Blocks of four rows of one gate, two where x has 16 bits."""

    name = "avr"
    group = 4
    headers = ("es_wide_avr.h", "es_gates_avr.h")

    def sources(self, cell: Cell) -> tuple[str, ...]:
        """The row loops that the shifts ask for, with or without saturation, and what the gates need."""
        units = {"gru": "es_gru_units_avr.c", "lstm": "es_lstm_units_avr.c"}.get(cell.stem, "es_curves_avr.c")
        shifts = {cell.state.shift} if cell.wide else {cell.input.shift, cell.state.shift}
        blocks = {"18" if shift == _USUAL_SHIFT else "bounded" for shift in shifts} if cell.bounded else {"saturated"}
        return ("es_blocks_avr.h", *(f"es_blocks_{name}.c" for name in sorted(blocks)), "es_units_avr.h", units)

    def refusal(self, cell: Cell) -> str | None:
        """Accumulators of int8 rows have 24 bits."""
        return beyond(cell, wide=False, bits=24, max_shift=_MAX_SHIFT)

    def view(self, name: str, size: int, cell: Cell, entry: Entry, reason: str) -> Buffer | None:
        """Codes of 15 bits are read where they lie; others as unsigned bytes, their sum behind them."""
        # An even size: the compiler aligns nothing, so that the header's figures hold on every machine.
        return None if entry == "codes16" else Buffer(name, "uint8", size + 2 + size % 2, reason)

    def pack(self, cell: Cell) -> Packed:
        """Four units at a time: input rows gate by gate, then state rows."""
        parts: list[Bytes] = []
        weight_bytes = 0
        for phase in cell.phases:
            for first in range(0, cell.units, self.group):
                for matrix in (cell.input, cell.state):
                    for gate in (*phase.sums, *phase.parts):
                        rows = Rows.take(matrix, gate * cell.units + first, self.group, (gate + 1) * cell.units)
                        parts += _wide_blocks(rows, doubled=True) if cell.wide and matrix is cell.input else _block(rows)
                        weight_bytes += rows.weight.size
        return Packed(np.concatenate(parts), weight_bytes)

    def pack_dense(self, matrix: Matvec) -> Packed:
        """Two rows at a time."""
        rows = Rows.take(matrix, 0, -(-matrix.rows // _WIDE_ROWS) * _WIDE_ROWS, matrix.rows)
        return Packed(np.concatenate(_wide_blocks(rows, doubled=False)), rows.weight.size)


def _block(rows: Rows) -> list[Bytes]:
    start = (rows.bias - 1) // 2 - _OFFSET * rows.weight.sum(axis=1)
    return [_bytes(start, 3), _bytes(rows.weight.T + _OFFSET, 1), _multipliers(rows)]


def _wide_blocks(rows: Rows, *, doubled: bool) -> list[Bytes]:
    bias = (rows.bias - 1) // 2 if doubled else rows.bias
    parts = []
    for first in range(0, rows.weight.shape[0], _WIDE_ROWS):
        block = slice(first, first + _WIDE_ROWS)
        parts += [_bytes(bias[block], 4), _bytes(rows.weight[block].T, 1), _multipliers(rows)[2 * first :][:4]]
    return parts


def _multipliers(rows: Rows) -> Bytes:
    """The smallest shift is brought into the scale's range."""
    return _bytes(rows.multiplier * (2 if rows.shift == _MIN_SHIFT else 1), 2)


def _bytes(values: npt.NDArray[np.int64], size: int) -> Bytes:
    """Low bytes of each value, little-endian."""
    flat = np.ascontiguousarray(values, dtype="<i8").ravel()
    return flat.view(np.uint8).reshape(-1, 8)[:, :size].ravel()
