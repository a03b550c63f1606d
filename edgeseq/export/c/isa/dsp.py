"""Cortex-M4, M7, M33: rows packed for SMLAD. The format is described in kernels/fast/dsp/es_isa.h."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.isa.base import Isa, Packed, Rows, Words, as_words, beyond_24_bits, bytes_as_words, narrow_matrices
from edgeseq.export.c.layout import Cell, Entry
from edgeseq.quantize.types import Matvec

_UNITS_IN_ASSEMBLY = ("gru", "lstm")
_MAX_PAIR_SHIFT = 24  # its multiplier carries 2^-8


class Dsp(Isa):
    """Blocks of four rows of one gate."""

    name = "dsp"
    group = 4

    def sources(self, cell: Cell) -> tuple[str, ...]:
        """One function per way to join the parts."""
        width = "s16" if cell.wide else "s8"
        kinds = ["parts"] if not cell.bounded or any(phase.parts for phase in cell.phases) else []
        kinds += ["sum"] if cell.bounded else []
        units = [f"es_units_{cell.stem}.c"] if cell.stem in _UNITS_IN_ASSEMBLY else []
        return ("es_rows_dsp.h", "es_units_dsp.h", *(f"es_rows_{kind}_{width}.c" for kind in kinds), *units)

    def refusal(self, cell: Cell) -> str | None:
        """A pair of rows shares one word, so that the high one must fit 24 bits."""
        if any(matrix.weight.min(initial=0) == -128 for matrix, _ in narrow_matrices(cell)):
            return "a weight of -128 does not fit a pair"
        return beyond_24_bits(cell, _MAX_PAIR_SHIFT)

    def view(self, name: str, size: int, entry: Entry, reason: str) -> Buffer | None:
        """Two doubled values a word, four columns at a time."""
        return Buffer(name, "int32", 2 * -(-size // 4), reason)

    def pack(self, cell: Cell) -> Packed:
        """Four units of a gate at a time: input rows, then state rows."""
        words: list[Words] = []
        weight_words = 0
        for phase in cell.phases:
            for first in range(0, cell.units, self.group):
                for gate in (*phase.sums, *phase.parts):
                    start, limit = gate * cell.units + first, (gate + 1) * cell.units
                    apart = gate in phase.parts or not cell.bounded
                    for part in (
                        _input_block(Rows.take(cell.input, start, self.group, limit), cell.entry),
                        _pair_block(Rows.take(cell.state, start, self.group, limit), [0, 1, 2, 3], with_bias=apart),
                    ):
                        words += part
                        weight_words += part[-2].size
        return Packed(np.concatenate(words), 4 * weight_words)

    def pack_dense(self, matrix: Matvec) -> Packed:
        """Two rows at a time."""
        words: list[Words] = []
        weight_words = 0
        for first in range(0, matrix.rows, 2):
            rows = Rows.take(matrix, first, 2, matrix.rows).with_columns(4)
            weights = _four_columns(rows.weight)
            words += [as_words(rows.bias), weights, as_words(rows.multiplier << (32 - rows.shift))]
            weight_words += weights.size
        return Packed(np.concatenate(words), 4 * weight_words)


def _input_block(rows: Rows, entry: Entry) -> list[Words]:
    if entry == "codes16":
        padded = rows.with_columns(4)
        multiplier = as_words(rows.multiplier << (32 - rows.shift))
        return [as_words(rows.bias), _four_columns(padded.weight), multiplier]
    # SXTB16 takes every other byte of four codes, so that is the order of the view.
    return _pair_block(rows, [0, 2, 1, 3] if entry == "codes8" else [0, 1, 2, 3], with_bias=True)


def _four_columns(weight: npt.NDArray[np.int64]) -> Words:
    """Per four columns one word of each row, bytes in the order 0 2 1 3; weight: (rows, 4 n)."""
    rows, columns = weight.shape
    blocks = weight.reshape(rows, columns // 4, 4)[..., [0, 2, 1, 3]]
    return bytes_as_words(blocks.transpose(1, 0, 2))


def _pair_block(rows: Rows, order: list[int], *, with_bias: bool) -> list[Words]:
    weight = rows.with_columns(4).weight
    count, columns = weight.shape
    weight = weight.reshape(count, columns // 4, 4)[..., order].reshape(count, columns)
    lanes = weight[0::2] + 256 * weight[1::2]  # (pairs, columns)
    pairs = (lanes[:, 0::2] & 0xFFFF) | (lanes[:, 1::2] << 16)
    bias = rows.bias.copy()
    bias[1::2] = bias[0::2] + 256 * bias[1::2]
    left = np.where(np.arange(count) % 2 == 0, 32, _MAX_PAIR_SHIFT) - rows.shift
    words = [as_words(pairs.T.ravel()), as_words(rows.multiplier << left)]
    return [as_words(bias), *words] if with_bias else words
