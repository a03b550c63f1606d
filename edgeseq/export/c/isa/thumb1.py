"""Cortex-M0, M0+: four rows a word, taken apart by shifts. The format: kernels/fast/thumb1/es_isa.h."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.arith.requantize import MAX_SHORT
from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.isa.base import Isa, Packed, Rows, Sparse, Words, as_words, bytes_as_words, halves_as_words, matrices
from edgeseq.export.c.layout import Cell, Entry, largest_accumulator
from edgeseq.export.c.sparse import reachable, steps, stored_blocks
from edgeseq.quantize.types import Matvec

_ROWS = 4  # of a word, one byte each
_LANES = np.arange(0, 8 * _ROWS, 8)
# In which order the registers of eight accumulators are loaded: rows 0, 1 of both words, then rows 2, 3.
_PAIR_ORDER = [0, 1, 4, 5, 2, 3, 6, 7]
# What a view adds to twice an 8-bit value and to a 16-bit one, so that none is negative.
_NARROW_OFFSET, _WIDE_OFFSET = 256, 32768


# 4-bit weights: what is added to make them unsigned, and the largest sum of |w * x| of a narrow row.
_NIBBLE_OFFSET, _LARGEST_FIELD = 8, 32767
_LONG_MULTIPLIERS = 64  # ES_LONG_MULTIPLIERS
# Sparse blocks of four rows by four columns: the farthest that one byte steps over, in blocks of 8 bytes of a view.
_REACH = 31
# Columns whose weights' bytes a header holds, with room for blocks that fill gaps.
_MAX_SPARSE_COLUMNS = 8192
# Instructions, measured: a column of eight rows and of four, four columns of four sparse rows; calls with both parts of
# them, and one part of a call that has one.
_COLUMN_8, _COLUMN_4, _SPARSE_BLOCK = 25, 13.75, 58.5
_CALL_8, _CALL_4, _PART_4, _SPARSE_PART = 280, 155, 80, 101
_ROWS_FILES = ("es_rows_thumb1.h", "es_rows4.c", "es_rows8.c")
_NIBBLES_FILES = (
    "es_rows_thumb1.h",
    "es_nibble_rows_thumb1.h",
    "es_nibbles4.c",
    "es_nibbles8.c",
    "es_wide_nibbles4.c",
    "es_wide_nibbles8.c",
)


class Thumb1(Isa):
    """Two gates of four units at once, or a last gate alone."""

    name = "thumb1"
    group = _ROWS
    headers = ("es_units_thumb1.h", "es_nibbles_thumb1.h")
    weight_bits = (4, 8)
    wide_state = True
    sparse_block = (_ROWS, 4)
    sparse_code = 476

    def sources(self, cell: Cell) -> tuple[str, ...]:
        """Both counts of rows: the linker drops what neither this layer nor a Dense one calls."""
        if any(cell.sparse):
            return (*_ROWS_FILES, "es_sparse4.c")
        return _ROWS_FILES if cell.weight_bits == 8 else _NIBBLES_FILES

    def dense_sources(self) -> tuple[str, ...]:
        """Those of 8-bit weights."""
        return _ROWS_FILES

    def refusal(self, cell: Cell) -> str | None:
        """Two sums of 4-bit weights share a word, and one product with the multiplier is 32 bits."""
        for matrix, entry in matrices(cell, wide=False) if cell.weight_bits == 4 else []:
            if 128 * np.abs(matrix.weight.astype(np.int64)).sum(axis=1).max() > _LARGEST_FIELD:
                return f"a row of {matrix.columns} columns can exceed 16 bits"
            if matrix is cell.state and not _short(matrix, entry):
                return "its multipliers take more than 8 bits; quantize the model again"
        return None

    def sparse_forms(self, cell: Cell) -> tuple[Sparse, ...]:
        """Either matrix of 8-bit weights. Those of 4 bits are offset: what is left out would not be zero."""
        fits = max(cell.inputs, cell.units) <= _MAX_SPARSE_COLUMNS
        return ((True, True), (False, True), (True, False)) if cell.weight_bits == 8 and fits else ()

    def instructions(self, cell: Cell) -> float:
        """Columns or blocks, and calls."""
        if not any(cell.sparse):
            groups = -(-cell.units // self.group)
            counts = [len(phase.sums) + len(phase.parts) for phase in cell.phases]
            pairs, single = sum(count // 2 for count in counts), sum(count % 2 for count in counts)
            columns = cell.inputs + cell.units
            return groups * (pairs * (_COLUMN_8 * columns + _CALL_8) + single * (_COLUMN_4 * columns + _CALL_4))
        total = 0.0
        for matrix, sparse in zip((cell.input, cell.state), cell.sparse, strict=True):
            rows = stored_blocks(matrix.weight, cell.units, (_ROWS, 4))
            blocks = sum(len(reachable(row, _REACH)) for row in rows)
            one = _SPARSE_BLOCK * blocks if sparse else _COLUMN_4 * matrix.columns * len(rows)
            total += one + len(rows) * (_SPARSE_PART if sparse else _PART_4)
        return total

    def shifts(self, cell: Cell) -> tuple[int, int]:
        """Short multipliers of narrow 4-bit rows lie without the powers of two they share; long ones are marked."""
        if cell.weight_bits == 8:
            return super().shifts(cell)
        long = 0 if cell.wide or _short(cell.input, cell.entry) else _LONG_MULTIPLIERS
        return (
            cell.input.shift + long - (0 if cell.wide or long else _shared(cell.input)),
            cell.state.shift - (0 if cell.wide_state else _shared(cell.state)),
        )

    def view_function(self, cell: Cell, entry: Entry) -> str:
        """Views of 4-bit weights are words."""
        return f"es_view_{entry}" if cell.weight_bits == 8 else f"es_view_{entry}_w4"

    def view(self, name: str, size: int, cell: Cell, entry: Entry, reason: str) -> Buffer | None:
        """Sum in two halves, an unused element, values; of 4-bit weights: words, an even number of values."""
        size += -size % 4 if any(cell.sparse) else 0
        return (
            Buffer(name, "int16", 3 + size, reason)
            if cell.weight_bits == 8
            else Buffer(name, "int32", 1 + size + size % 2, reason)
        )

    def pack(self, cell: Cell) -> Packed:
        """Four units of up to two gates at a time: input rows, then state rows."""
        words: list[Words] = []
        weight_words = 0
        for phase in cell.phases:
            gates = (*phase.sums, *phase.parts)
            for first in range(0, cell.units, self.group):
                at_once = 1 if any(cell.sparse) else 2
                for pair in (gates[i : i + at_once] for i in range(0, len(gates), at_once)):
                    apart = pair[0] in phase.parts or not cell.bounded
                    for matrix, entry, wide, sparse, with_bias in (
                        (cell.input, cell.entry, cell.wide, cell.sparse[0], True),
                        (cell.state, cell.state_entry, cell.wide_state, cell.sparse[1], apart),
                    ):
                        rows = Rows.join(
                            [Rows.take(matrix, gate * cell.units + first, self.group, (gate + 1) * cell.units) for gate in pair]
                        )
                        if cell.weight_bits == 8:
                            bias, weights, multipliers = _block(rows, _WIDE_OFFSET if wide else _NARROW_OFFSET)
                            weights = _without_zeros(rows.with_columns(4).weight) if sparse else weights
                            words += [bias, weights, multipliers]
                        else:
                            weights = _nibbles(rows.weight, wide=wide)
                            multipliers, bias = _scales(rows, matrix, entry)
                            words += [weights, multipliers, bias] if with_bias else [weights, multipliers]
                        weight_words += weights.size
        return Packed(np.concatenate(words), 4 * weight_words)

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
    return as_words(bias), _weights(rows.weight), _long(rows.multiplier, rows.shift)


def _in_lanes(bias: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """What four accumulators of a word and of its shifts start from; modulo 2^32."""
    lanes = bias.reshape(-1, _ROWS) & 0xFFFFFFFF
    return np.stack([(lanes[:, i:] << _LANES[: _ROWS - i]).sum(axis=1) for i in range(_ROWS)], axis=1).ravel()


def _weights(weight: npt.NDArray[np.int64]) -> Words:
    """Per column a word of each four rows, all but the last row offset by 128."""
    lanes = weight.reshape(len(weight) // _ROWS, _ROWS, weight.shape[1]) + np.array([128, 128, 128, 0])[:, None]
    return as_words(((lanes & 0xFF) << _LANES[:, None]).sum(axis=1).T.ravel())


def _without_zeros(weight: npt.NDArray[np.int64]) -> Words:
    """Blocks of four columns of four rows that are not all zeros, with header and steps: kernels/fast/thumb1/es_isa.h."""
    blocks = weight.reshape(_ROWS, -1, 4)
    kept = reachable(np.asarray(blocks.any(axis=(0, 2))), _REACH)
    to_next = np.pad(8 * steps(kept), (len(kept) % 2, 0))
    words = bytes_as_words(to_next)
    header = as_words(np.array([(4 * words.size << 16) + 16 * len(kept)]))
    return np.concatenate([header, words, _weights(blocks[:, kept].reshape(_ROWS, 4 * len(kept)))])


def _nibbles(weight: npt.NDArray[np.int64], *, wide: bool) -> Words:
    """A word per column of eight rows or per two columns of four, all weights offset by 8."""
    unsigned = weight + _NIBBLE_OFFSET
    if len(weight) == _ROWS:
        # Rows of two columns, as if of one: (column, row), so that fields 16 bits apart are of the same column.
        padded = np.pad(unsigned, ((0, 0), (0, weight.shape[1] % 2))).reshape(_ROWS, -1, 2)
        order = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]
        if not wide:
            order = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (0, 3), (1, 2), (1, 3)]
        unsigned = np.stack([padded[row, :, column] for column, row in order])
    return as_words((unsigned << np.arange(0, 32, 4)[:, None]).sum(axis=0))


def _shared(matrix: Matvec) -> int:
    """Powers of two that all multipliers share."""
    union = int(np.bitwise_or.reduce(matrix.multiplier.astype(np.int64), initial=0))
    return (union & -union).bit_length() - 1 if union else 0


def _short(matrix: Matvec, entry: Entry) -> bool:
    """Whether multipliers take a byte without the powers of two they share, and products with them 32 bits."""
    short = matrix.multiplier.astype(np.int64) >> _shared(matrix)
    largest = (largest_accumulator(matrix, entry) * short).max() + (1 << (matrix.shift - _shared(matrix) - 1))
    return bool(short.max() <= MAX_SHORT and largest < 2**31)


def _scales(rows: Rows, matrix: Matvec, entry: Entry) -> tuple[Words, Words]:
    """Multipliers, and what is added: to an undoubled sum's product with a short one, or to the sum.

    Of a narrow view the first half of the rows lies in low halves of words, offset by 32768 to stay positive.
    """
    if entry in ("codes16", "state16"):
        return _long(rows.multiplier, rows.shift), as_words(rows.bias)
    offset = np.where(np.arange(len(rows.bias)) < len(rows.bias) // 2, 32768, 0)
    if not _short(matrix, entry):
        return _long(rows.multiplier, rows.shift), as_words(rows.bias - 2 * offset)
    shared = _shared(matrix)
    multiplier = rows.multiplier >> shared
    half = 1 << (rows.shift - shared - 1)
    return bytes_as_words(multiplier), as_words(((rows.bias * multiplier + half) >> 1) - offset * multiplier)


def _long(multiplier: npt.NDArray[np.int64], shift: int) -> Words:
    """A shift of at least 17 lets the kernel drop the low half of every product."""
    return halves_as_words(multiplier << max(0, 17 - shift))


def _packed(words: list[Words]) -> Packed:
    return Packed(np.concatenate(words), 4 * sum(block.size for block in words[1::3]))
