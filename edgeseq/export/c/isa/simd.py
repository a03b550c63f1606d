"""Application processors with vectors: eight units at once. The format is described in kernels/fast/simd/es_isa.h."""

from __future__ import annotations

import numpy as np

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.isa.base import Isa, Packed, Rows, Words, as_words, bytes_as_words
from edgeseq.export.c.layout import Cell, Entry
from edgeseq.quantize.types import Matvec

_COLUMNS = 4  # a block: what one 32-bit lane holds of a row
_PADDING = np.zeros(1, np.int32)  # AVX2 loads every other multiplier as part of a vector


class Simd(Isa):
    """Blocks of eight rows by four columns of every gate."""

    name = "simd"
    group = 8
    wide_state = True
    # es_isa.h picks one by the compiler's target, so that one project serves all machines.
    headers = (
        "es_simd_avx2.h",
        "es_simd_neon.h",
        "es_simd_neon_units.h",
        "es_simd_wasm.h",
        "es_simd_sse2.h",
        "es_simd_c.h",
        "es_simd_128.h",
        "es_simd_units.h",
    )

    def refusal(self, cell: Cell) -> str | None:
        """Two products share 16 bits."""
        if min(matrix.weight.min(initial=0) for matrix in (cell.input, cell.state)) == -128:
            return "two products with a weight of -128 can exceed 16 bits"
        return None

    def view(self, name: str, size: int, cell: Cell, entry: Entry, reason: str) -> Buffer | None:
        """Whole blocks of columns; int8 codes are read where they lie if they fill theirs."""
        padded = size + -size % _COLUMNS
        if entry == "codes8" and padded == size:
            return None
        return Buffer(name, "int16" if entry in ("codes16", "state16") else "int8", padded, reason)

    def pack(self, cell: Cell) -> Packed:
        """Eight units at a time: all gates' input rows, then their state rows."""
        words: list[Words] = []
        weight_words = 0
        for phase in cell.phases:
            gates = (*phase.sums, *phase.parts)
            for first in range(0, cell.units, self.group):
                kernel, state = (
                    [Rows.take(m, g * cell.units + first, self.group, (g + 1) * cell.units) for g in gates]
                    for m in (cell.input, cell.state)
                )
                apart = [as_words(rows.bias) for rows in state[len(phase.sums) :]]
                weights = [_blocks(rows) for rows in (kernel, state)]
                words += [*(as_words(rows.bias) for rows in kernel), weights[0], *apart, weights[1]]
                words += [_multipliers(rows) for rows in (*kernel, *state)]
                weight_words += weights[0].size + weights[1].size
        return Packed(np.concatenate([*words, _PADDING]), 4 * weight_words)

    def pack_dense(self, matrix: Matvec) -> Packed:
        """Eight rows at a time."""
        words: list[Words] = []
        weight_words = 0
        for first in range(0, matrix.rows, self.group):
            rows = Rows.take(matrix, first, self.group, matrix.rows)
            weights = _blocks([rows])
            split_bias = rows.bias + 128 * rows.weight.sum(axis=1)
            words += [as_words(rows.bias), as_words(split_bias), weights, _multipliers(rows)]
            weight_words += weights.size
        return Packed(np.concatenate([*words, _PADDING]), 4 * weight_words)


def _blocks(gates: list[Rows]) -> Words:
    """Weights block by block of columns, then gate by gate, row by row."""
    padded = np.stack([rows.with_columns(_COLUMNS).weight for rows in gates])
    count, group, columns = padded.shape
    return bytes_as_words(padded.reshape(count, group, columns // _COLUMNS, _COLUMNS).transpose(2, 0, 1, 3))


def _multipliers(rows: Rows) -> Words:
    return as_words(rows.multiplier << max(31 - rows.shift, 0))
