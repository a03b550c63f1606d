"""Cortex-M0, M0+: four rows a word, taken apart by shifts. The format: kernels/fast/thumb1/es_isa.h."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.isa.base import Isa, Packed, Rows, Words, as_words, halves_as_words
from edgeseq.export.c.layout import Cell, Entry
from edgeseq.quantize.types import Matvec

_ROWS = 4  # of a word, one byte each
_LANES = np.arange(0, 8 * _ROWS, 8)
# In which order the registers of eight accumulators are loaded: rows 0, 1 of both words, then rows 2, 3.
_PAIR_ORDER = [0, 1, 4, 5, 2, 3, 6, 7]
# What a view adds to twice an 8-bit value and to a 16-bit one, so that none is negative.
_NARROW_OFFSET, _WIDE_OFFSET = 256, 32768


class Thumb1(Isa):
    """Two gates of four units at once, or a last gate alone."""

    name = "thumb1"
    group = _ROWS

    dense_sources = ("es_rows_thumb1.h", "es_units_thumb1.h", "es_rows4.c", "es_rows8.c")

    def sources(self, cell: Cell) -> tuple[str, ...]:
        """Both counts of rows: the linker drops what neither this layer nor a Dense one calls."""
        return self.dense_sources

    def view(self, name: str, size: int, entry: Entry, reason: str) -> Buffer | None:
        """The sum of all values as two halves, an unused element, then the values."""
        return Buffer(name, "int16", 3 + size, reason)

    def pack(self, cell: Cell) -> Packed:
        """Four units of up to two gates at a time: input rows, then state rows."""
        words: list[Words] = []
        parts = ((cell.input, _WIDE_OFFSET if cell.wide else _NARROW_OFFSET), (cell.state, _NARROW_OFFSET))
        for phase in cell.phases:
            gates = (*phase.sums, *phase.parts)
            for first in range(0, cell.units, self.group):
                for pair in (gates[i : i + 2] for i in range(0, len(gates), 2)):
                    for matrix, offset in parts:
                        taken = [
                            Rows.take(matrix, gate * cell.units + first, self.group, (gate + 1) * cell.units) for gate in pair
                        ]
                        words += _block(Rows.join(taken), offset)
        return _packed(words)

    def pack_dense(self, matrix: Matvec) -> Packed:
        """Eight rows at a time, up to four at the end together."""
        words: list[Words] = []
        first = 0
        while first < matrix.rows:
            count = 8 if matrix.rows - first > _ROWS else _ROWS
            words += _block(Rows.take(matrix, first, count, matrix.rows), _WIDE_OFFSET)
            first += count
        return _packed(words)


def _block(rows: Rows, offset: int) -> tuple[Words, Words, Words]:
    """Accumulators' first values, weights, multipliers of four or eight rows."""
    bias = _in_lanes(rows.bias - offset * rows.weight.sum(axis=1))
    if bias.size > _ROWS:
        bias = bias[_PAIR_ORDER]
    # A shift of at least 17 lets the kernel drop the low half of every product.
    multiplier = rows.multiplier << max(0, 17 - rows.shift)
    return as_words(bias), _weights(rows.weight), halves_as_words(multiplier)


def _in_lanes(bias: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """What four accumulators of a word and of its shifts start from; modulo 2^32."""
    lanes = bias.reshape(-1, _ROWS) & 0xFFFFFFFF
    return np.stack([(lanes[:, i:] << _LANES[: _ROWS - i]).sum(axis=1) for i in range(_ROWS)], axis=1).ravel()


def _weights(weight: npt.NDArray[np.int64]) -> Words:
    """Per column a word of each four rows, all but the last row offset by 128."""
    lanes = weight.reshape(-1, _ROWS, weight.shape[1]) + np.array([128, 128, 128, 0])[:, None]
    return as_words(((lanes & 0xFF) << _LANES[:, None]).sum(axis=1).T.ravel())


def _packed(words: list[Words]) -> Packed:
    return Packed(np.concatenate(words), 4 * sum(block.size for block in words[1::3]))
