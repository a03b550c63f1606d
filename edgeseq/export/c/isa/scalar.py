"""32-bit cores without vectors: rows side by side, column by column. The format: kernels/fast/scalar/es_isa.h."""

from __future__ import annotations

import numpy as np

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.isa.base import Isa, Packed, Rows, Words, as_words, bytes_as_words, halves_as_words
from edgeseq.export.c.layout import Cell, Entry
from edgeseq.quantize.types import Matvec


class Scalar(Isa):
    """All gate rows of two units at once."""

    name = "scalar"
    group = 2
    wide_state = True

    def view(self, name: str, size: int, cell: Cell, entry: Entry, reason: str) -> Buffer | None:
        """Codes are read where they lie; states become int8 or lose a bit."""
        if entry in ("codes8", "codes16"):
            return None
        return Buffer(name, "int8" if entry == "state" else "int16", size, reason)

    def pack(self, cell: Cell) -> Packed:
        """Two units at a time."""
        words: list[Words] = []
        weight_words = 0
        for phase in cell.phases:
            gates = (*phase.sums, *phase.parts)
            for first in range(0, cell.units, self.group):
                kernel, state = (
                    Rows.join([Rows.take(m, g * cell.units + first, self.group, (g + 1) * cell.units) for g in gates])
                    for m in (cell.input, cell.state)
                )
                weights = [bytes_as_words(rows.weight.T) for rows in (kernel, state)]
                apart = state.bias[len(phase.sums) * self.group :]
                multipliers = halves_as_words(np.concatenate([kernel.multiplier, state.multiplier]))
                words += [as_words(kernel.bias >> 1), weights[0], as_words(apart >> 1), weights[1], multipliers]
                weight_words += weights[0].size + weights[1].size
        return Packed(np.concatenate(words), 4 * weight_words)

    def pack_dense(self, matrix: Matvec) -> Packed:
        """Four rows at a time, one or two at the end together."""
        words: list[Words] = []
        weight_words = first = 0
        while first < matrix.rows:
            count = 4 if matrix.rows - first > 2 else 2
            rows = Rows.take(matrix, first, count, matrix.rows)
            weights = bytes_as_words(rows.weight.T)
            words += [as_words(rows.bias), weights, halves_as_words(rows.multiplier)]
            weight_words += weights.size
            first += count
        return Packed(np.concatenate(words), 4 * weight_words)
