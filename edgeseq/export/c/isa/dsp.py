"""Cortex-M4, M7, M33: rows packed for SMLAD. The format is described in kernels/fast/dsp/es_isa.h."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.isa.base import Isa, Packed, Rows, Sparse, Words, as_words, beyond, bytes_as_words, matrices
from edgeseq.export.c.layout import Cell, Entry
from edgeseq.export.c.sparse import reachable, steps, stored_blocks
from edgeseq.quantize.types import Matvec

_UNITS_IN_ASSEMBLY = ("gru", "lstm")
_MAX_PAIR_SHIFT = 24  # its multiplier carries 2^-8
# Rows of 4-bit weights: the multiplier of the last of four carries 2^-12, or 2^-4 where the view is wide.
_NIBBLES_BITS, _MAX_NIBBLES_SHIFT = 20, 20
_WIDE_NIBBLES_BITS, _MAX_WIDE_NIBBLES_SHIFT = 28, 28
_NIBBLE_OFFSET = 8
_LANE = 0xFFFF
# Sparse rounds of four rows by four columns: the farthest that one byte steps over, in rounds of 8 bytes of a view; words
# of a round; rounds of one turn of the loop.
_REACH, _ROUND_WORDS, _TURN = 31, 4, 4
# Instructions of a round of a narrow and of a wide view, of a turn's end, and of what else differs (es_rows_dsp.h).
_DENSE_COST, _SPARSE_COST = ((14, 19), 2, 2), ((15, 20), 3, 6)


class Dsp(Isa):
    """Blocks of four rows of one gate."""

    name = "dsp"
    group = 4
    headers = ("es_dense_dsp.h",)
    weight_bits = (4, 8)
    wide_state = True
    sparse_block = (4, 4)
    sparse_code = 160

    def sources(self, cell: Cell) -> tuple[str, ...]:
        """One function per way to join the parts."""
        widths = "_".join(
            f"{'z' if sparse else 's'}{16 if wide else 8}"
            for wide, sparse in zip((cell.wide, cell.wide_state), cell.sparse, strict=True)
        )
        kinds = ["parts"] if not cell.bounded or any(phase.parts for phase in cell.phases) else []
        kinds += ["sum"] if cell.bounded else []
        bits = "" if cell.weight_bits == 8 else "_w4"
        units = [f"es_units_{cell.stem}.c"] if cell.stem in _UNITS_IN_ASSEMBLY else []
        rows = (f"es_rows_{kind}_{widths}{bits}.c" for kind in kinds)
        return ("es_rows_dsp.h", "es_rounds_dsp.h", "es_rows_dsp_c.h", "es_units_dsp.h", *rows, *units)

    def refusal(self, cell: Cell) -> str | None:
        """Rows share a word, so that the highest of them must fit what the others leave."""
        if cell.weight_bits == 4:
            return beyond(cell, wide=False, bits=_NIBBLES_BITS, max_shift=_MAX_NIBBLES_SHIFT) or beyond(
                cell, wide=True, bits=_WIDE_NIBBLES_BITS, max_shift=_MAX_WIDE_NIBBLES_SHIFT
            )
        if any(matrix.weight.min(initial=0) == -128 for matrix, _ in matrices(cell, wide=False)):
            return "a weight of -128 does not fit a pair"
        return beyond(cell, wide=False, bits=24, max_shift=_MAX_PAIR_SHIFT)

    def sparse_forms(self, cell: Cell) -> tuple[Sparse, ...]:
        """Either matrix of 8-bit weights. Those of 4 bits are offset: what is left out would not be zero."""
        return ((True, True), (False, True), (True, False)) if cell.weight_bits == 8 else ()

    def instructions(self, cell: Cell) -> float:
        """Rounds, turns of their loops, and what differs around them."""
        return sum(
            _part_instructions(matrix, cell.units, wide=wide, sparse=sparse)
            for matrix, wide, sparse in zip((cell.input, cell.state), (cell.wide, cell.wide_state), cell.sparse, strict=True)
        )

    def view(self, name: str, size: int, cell: Cell, entry: Entry, reason: str) -> Buffer | None:
        """Two doubled values a word, four columns at a time."""
        return Buffer(name, "int32", 2 * -(-size // 4), reason)

    def pack(self, cell: Cell) -> Packed:
        """Four units of a gate at a time: input rows, then state rows."""
        words: list[Words] = []
        weight_words = 0
        block = _block if cell.weight_bits == 8 else _nibbles_block
        for phase in cell.phases:
            for first in range(0, cell.units, self.group):
                for gate in (*phase.sums, *phase.parts):
                    start, limit = gate * cell.units + first, (gate + 1) * cell.units
                    apart = gate in phase.parts or not cell.bounded
                    for matrix, entry, sparse, with_bias in (
                        (cell.input, cell.entry, cell.sparse[0], True),
                        (cell.state, cell.state_entry, cell.sparse[1], apart),
                    ):
                        bias, weights, multipliers = block(Rows.take(matrix, start, self.group, limit), entry)
                        weights = _without_zeros(weights) if sparse else weights
                        words += [bias, weights, multipliers] if with_bias else [weights, multipliers]
                        weight_words += weights.size
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


def _part_instructions(matrix: Matvec, units: int, *, wide: bool, sparse: bool) -> int:
    """One matrix's row loops."""
    rows = stored_blocks(matrix.weight, units, (Dsp.group, 4))
    counts = [len(reachable(row, _REACH)) if sparse else row.size for row in rows]
    a_round, turn, part = _SPARSE_COST if sparse else _DENSE_COST
    return sum(a_round[wide] * count + turn * -(-count // _TURN) + part for count in counts)


def _without_zeros(weights: Words) -> Words:
    """The rounds of a block that are not all zeros, with their header and steps. The format: kernels/fast/dsp/es_isa.h."""
    rounds = weights.reshape(-1, _ROUND_WORDS)
    kept = reachable(np.asarray(rounds.any(axis=1)), _REACH)
    turns = -(-len(kept) // _TURN)
    missing = _TURN * turns - len(kept) if kept else _TURN
    header = as_words(np.array([(max(turns, 1) - 1) << 16 | missing]))
    by_turn = np.pad(8 * steps(kept), (missing if kept else 0, 0)).astype(np.uint8).reshape(turns, _TURN)
    # The first turn lacks `missing` rounds.
    ends = [_TURN * (turn + 1) - missing for turn in range(turns)]
    pieces = [header]
    for turn, end in enumerate(ends):
        pieces += [by_turn[turn].view("<i4").astype(np.int32), rounds[kept[max(0, end - _TURN) : end]].ravel()]
    return np.concatenate(pieces)


def _block(rows: Rows, entry: Entry) -> tuple[Words, Words, Words]:
    """Bias, weights, multipliers of four rows."""
    if entry in ("codes16", "state16"):
        multiplier = as_words(rows.multiplier << (32 - rows.shift))
        return as_words(rows.bias), _four_columns(rows.with_columns(4).weight), multiplier
    lanes = _in_view_order(rows.weight, entry)
    lanes = lanes[0::2] + 256 * lanes[1::2]  # (pairs, columns)
    bias = rows.bias.copy()
    bias[1::2] = bias[0::2] + 256 * bias[1::2]
    left = np.where(np.arange(len(bias)) % 2 == 0, 32, _MAX_PAIR_SHIFT) - rows.shift
    return as_words(bias), _two_columns(lanes), as_words(rows.multiplier << left)


def _nibbles_block(rows: Rows, entry: Entry) -> tuple[Words, Words, Words]:
    """The same of 4-bit weights: a word holds two columns of all four rows."""
    columns = -(-rows.weight.shape[1] // 2)
    weight = _in_view_order(rows.weight, entry)
    scale = np.array([1, 16, 256, 4096])
    if entry in ("codes16", "state16"):
        # Two bytes, each a sum of its own: rows 0, 1 and rows 2, 3.
        offset = np.array([_NIBBLE_OFFSET, 0, _NIBBLE_OFFSET, 0])
        low, high = scale[:2] @ (weight + offset[:, None])[:2], scale[:2] @ (weight + offset[:, None])[2:]
        lanes, scale = (low & 0xFF) + 256 * high, scale[[0, 1, 0, 1]]
        bias = rows.bias * scale
        bias[1::2] += bias[0::2]
    else:
        offset = np.array([_NIBBLE_OFFSET, _NIBBLE_OFFSET, _NIBBLE_OFFSET, 0])
        lanes = scale @ (weight + offset[:, None])
        bias = np.cumsum((rows.bias * scale)[::-1])[::-1]
    # What a view reads beyond the last column is zero, so that any word may stand there: what follows the weights.
    words = _two_columns(lanes[None, :])[:columns]
    left = 32 - rows.shift - np.log2(scale).astype(np.int64)
    return as_words(bias), words, as_words(rows.multiplier << left)


def _in_view_order(weight: npt.NDArray[np.int64], entry: Entry) -> npt.NDArray[np.int64]:
    """Columns as a view holds them, padded to a multiple of four. SXTB16 takes every other byte of four int8 codes."""
    count, columns = weight.shape
    blocks = np.pad(weight, ((0, 0), (0, -columns % 4))).reshape(count, -1, 4)
    if entry == "codes8":
        blocks[:, : columns // 4] = blocks[:, : columns // 4, [0, 2, 1, 3]]
    return blocks.reshape(count, -1)


def _two_columns(lanes: npt.NDArray[np.int64]) -> Words:
    """Per two columns one word of each row; lanes: (rows, 2 n), 16 bits each."""
    return as_words(((lanes[:, 0::2] & _LANE) | (lanes[:, 1::2] << 16)).T.ravel())


def _four_columns(weight: npt.NDArray[np.int64]) -> Words:
    """Per four columns one word of each row, bytes in the order 0 2 1 3; weight: (rows, 4 n)."""
    rows, columns = weight.shape
    blocks = weight.reshape(rows, columns // 4, 4)[..., [0, 2, 1, 3]]
    return bytes_as_words(blocks.transpose(1, 0, 2))
