"""Rows of a layer as kernels read them: what they sum, how far they reach, in which order the portable ones lie.

How a core's fast kernels pack weights is in `edgeseq.export.c.isa`, one module per family.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgeseq.quantize.types import Matvec, QuantGru, QuantLstm, QuantPair, QuantSimpleRnn

Entry = Literal["codes8", "codes16", "state", "state16"]
# Smallest and largest value that meets a weight.
ENTRY_RANGE: dict[Entry, tuple[int, int]] = {
    "codes8": (-128, 127),
    "codes16": (-16384, 16383),
    "state": (-128, 127),
    "state16": (-16384, 16383),
}


@dataclass(frozen=True, slots=True)
class Phase:
    """Gates whose rows are read in one pass over the units.

    sums: gates whose two parts are added; parts: gates that keep them apart. Numbers are
    those of the matrices' row blocks.
    """

    sums: tuple[int, ...]
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A recurrent layer's matrices, gate-major, with the input's zero point folded into its bias.

    entry, state_entry: what x and h are. bounded: no row of either matrix can leave int16 before the parts are added.
    sparse: whether input and state weights are stored without their zero blocks (edgeseq.export.c.sparse).
    """

    stem: str
    input: Matvec
    state: Matvec
    phases: tuple[Phase, ...]
    entry: Entry
    state_entry: Entry
    bounded: bool
    sparse: tuple[bool, bool] = (False, False)

    @property
    def inputs(self) -> int:
        """Features of x."""
        return self.input.columns

    @property
    def units(self) -> int:
        """Hidden size."""
        return self.state.columns

    @property
    def gates(self) -> int:
        """Row blocks."""
        return self.state.rows // self.units

    @property
    def wide(self) -> bool:
        """Whether x has more than 8 bits."""
        return self.entry in ("codes16", "state16")

    @property
    def wide_state(self) -> bool:
        """Whether products read more than 8 bits of h."""
        return self.state_entry == "state16"

    @property
    def weight_bits(self) -> int:
        """Bits that hold any weight of both matrices."""
        return max(self.input.bits, self.state.bits)


def cell_of(layer: QuantPair, entry: Entry, zero_point: int) -> Cell:
    """Describe a layer for the fast kernels."""
    phases: tuple[Phase, ...]
    match layer:
        case QuantGru(reset_after=True):
            stem, phases = "gru", (Phase((0, 1), (2,)),)
        case QuantGru():
            stem, phases = "gru_before", (Phase((0, 1)), Phase((2,)))
        case QuantLstm():
            stem, phases = "lstm", (Phase((0, 1, 2, 3)),)
        case QuantSimpleRnn():
            stem, phases = "simple_rnn", (Phase((0,)),)
        case _:
            raise TypeError(f"no fast kernel knows {type(layer).__name__}")
    kernel = fold_zero_point(layer.input, zero_point)
    state_entry: Entry = "state" if layer.operand == "int8" else "state16"
    bounded = all(
        _largest_result(matrix, entry_range) <= np.iinfo(np.int16).max
        for matrix, entry_range in ((kernel, ENTRY_RANGE[entry]), (layer.recurrent, ENTRY_RANGE[state_entry]))
    )
    return Cell(stem, kernel, layer.recurrent, phases, entry, state_entry, bounded)


def largest_accumulator(matrix: Matvec, entry: Entry) -> npt.NDArray[np.int64]:
    """Largest |2 * sum(w * x) + bias| of each row over all x of that entry."""
    low, high = _extremes(matrix, ENTRY_RANGE[entry])
    return np.maximum(np.abs(low), np.abs(high))


def _extremes(matrix: Matvec, entry_range: tuple[int, int]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    weight = matrix.weight.astype(np.int64)
    ends = weight * entry_range[0], weight * entry_range[1]
    bias = matrix.bias.astype(np.int64)
    return 2 * np.minimum(*ends).sum(axis=1) + bias, 2 * np.maximum(*ends).sum(axis=1) + bias


def _largest_result(matrix: Matvec, entry_range: tuple[int, int]) -> int:
    """Largest magnitude of any requantised row, before saturation."""
    low, high = (end * matrix.multiplier for end in _extremes(matrix, entry_range))
    half = 1 << (matrix.shift - 1)
    return int(max(((high + half) >> matrix.shift).max(), (-((low + half) >> matrix.shift)).max()))


def unit_major(values: npt.NDArray[Any], gates: int) -> npt.NDArray[Any]:
    """Reorder rows from gate-major (all z, all r, ...) to unit-major (z, r, ... of unit 0, of unit 1).

    values: (gates * units, ...). A fused kernel then reads each stream front to back.
    """
    rows = values.shape[0]
    blocks = values.reshape(gates, rows // gates, *values.shape[1:])
    return np.ascontiguousarray(blocks.swapaxes(0, 1)).reshape(values.shape)


def arrange(matrix: Matvec, gates: int) -> Matvec:
    """Return the matrix with its rows in the order that the portable kernels read."""
    return Matvec(
        unit_major(matrix.weight, gates),
        unit_major(matrix.bias, gates),
        unit_major(matrix.multiplier, gates),
        matrix.shift,
        matrix.bits,
    )


def fold_zero_point(matrix: Matvec, zero_point: int) -> Matvec:
    """Return the matrix for inputs that keep their zero point: its share moves into the bias, exactly."""
    share = 2 * zero_point * matrix.weight.astype(np.int64).sum(axis=1)
    return Matvec(matrix.weight, (matrix.bias - share).astype(np.int32), matrix.multiplier, matrix.shift, matrix.bits)
