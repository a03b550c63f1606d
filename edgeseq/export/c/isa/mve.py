"""Cortex-M55, M85: rows as vectors of 16 columns. The format is described in kernels/fast/mve/es_isa.h."""

from __future__ import annotations

import numpy as np

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.isa.base import Isa, Packed, Rows, Words, as_words, bytes_as_words
from edgeseq.export.c.layout import Cell, Entry
from edgeseq.quantize.types import Matvec

_VECTOR_BYTES = 16
_BLOCK = 4
# Units of a half: a narrowing move puts those of the second between those of the first.
_HALVES = ([0, 2, 4, 6], [1, 3, 5, 7])


class Mve(Isa):
    """Groups of eight rows of one gate."""

    name = "mve"
    group = 8
    headers = ("es_mve_rows.h", "es_mve_units.h", "es_mve_c.h")

    def view(self, name: str, size: int, cell: Cell, entry: Entry, reason: str) -> Buffer | None:
        """Whole vectors; codes that already are some are read where they lie."""
        lanes = _lanes(entry)
        if entry != "state" and size % lanes == 0:
            return None
        return Buffer(name, "int16" if entry == "codes16" else "int8", size + -size % lanes, reason)

    def pack(self, cell: Cell) -> Packed:
        """Eight units of a gate at a time: input rows, then state rows."""
        words: list[Words] = []
        weight_words = 0
        for phase in cell.phases:
            for first in range(0, cell.units, self.group):
                for gate in (*phase.sums, *phase.parts):
                    for matrix, lanes, with_bias in (
                        (cell.input, _lanes(cell.entry), True),
                        (cell.state, _lanes("state"), gate in phase.parts),
                    ):
                        group = Rows.take(matrix, gate * cell.units + first, self.group, (gate + 1) * cell.units)
                        for half in _HALVES:
                            block = _block(group, half, lanes, with_bias=with_bias)
                            words += block
                            weight_words += block[0].size
        return Packed(np.concatenate(words), 4 * weight_words)

    def pack_dense(self, matrix: Matvec) -> Packed:
        """Four rows at a time; the last block has no weights of rows that are not there."""
        words: list[Words] = []
        weight_words = 0
        for first in range(0, matrix.rows, _BLOCK):
            rows = Rows.take(matrix, first, _BLOCK, matrix.rows)
            _, bias, multiplier = _block(rows, [0, 1, 2, 3], _lanes("codes16"), with_bias=True)
            weights = _vectors(rows, list(range(min(_BLOCK, matrix.rows - first))), _lanes("codes16"))
            words += [weights, bias, multiplier]
            weight_words += weights.size
        return Packed(np.concatenate(words), 4 * weight_words)


def _lanes(entry: Entry) -> int:
    """Columns of a vector."""
    return _VECTOR_BYTES // 2 if entry == "codes16" else _VECTOR_BYTES


def _vectors(rows: Rows, index: list[int], lanes: int) -> Words:
    """Per vector of columns one vector of each row."""
    weight = rows.with_columns(lanes).weight[index]
    return bytes_as_words(weight.reshape(len(index), -1, lanes).transpose(1, 0, 2))


def _block(rows: Rows, index: list[int], lanes: int, *, with_bias: bool) -> list[Words]:
    """Weights, bias unless left out, multipliers."""
    bias = [as_words(rows.bias[index])] if with_bias else []
    return [_vectors(rows, index, lanes), *bias, as_words(rows.multiplier[index] << (32 - rows.shift))]
