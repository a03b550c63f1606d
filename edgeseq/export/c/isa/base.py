"""What a family of cores decides: the size of a group, its views, and the words of its weight stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.layout import Cell, Entry, largest_accumulator
from edgeseq.export.c.sparse import Block
from edgeseq.quantize.types import Matvec

Sparse = tuple[bool, bool]  # input and state weights
Words = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """A weight stream.

    rows: int32, int8 or uint8, whichever the kernels read; weight_bytes: how many of its bytes are weights, padding and
    the indices of sparse ones included.
    """

    rows: npt.NDArray[np.int32] | npt.NDArray[np.int8] | Bytes
    weight_bytes: int


class Isa(ABC):
    """One family.

    group: units whose rows lie together; name: its folder of kernels; headers: files that es_isa.h needs there, whatever
    the layers. weight_bits: of recurrent layers; wide_state: whether their products can read 15 bits of the state.
    sparse_block: what can be left out of weights, units by columns; sparse_code: bytes that its kernels add to an image.
    """

    name: ClassVar[str]
    group: ClassVar[int]
    headers: ClassVar[tuple[str, ...]] = ()
    weight_bits: ClassVar[tuple[int, ...]] = (8,)
    wide_state: ClassVar[bool] = False
    sparse_block: ClassVar[Block | None] = None
    sparse_code: ClassVar[int] = 0

    def sources(self, cell: Cell) -> tuple[str, ...]:
        """Kernel files that a layer needs, besides es_isa.h and its headers."""
        return ()

    def refusal_cell(self, cell: Cell) -> str | None:
        """Why this layer must use the portable kernels, or None."""
        if cell.weight_bits not in self.weight_bits:
            return f"the {self.name} kernels have no 4-bit weights"
        if cell.wide_state and not self.wide_state:
            return f"the {self.name} kernels read the state's top byte alone"
        return self.refusal(cell)

    def refusal_matrix(self, matrix: Matvec) -> str | None:
        """The same for a Dense layer that reads an int16 tensor."""
        if matrix.bits != 8:
            return f"the {self.name} kernels have no 4-bit Dense layers"
        return self.refusal_dense(matrix)

    def refusal(self, cell: Cell) -> str | None:
        """What else the family cannot run of a layer whose weights and operands it knows."""
        return None

    def refusal_dense(self, matrix: Matvec) -> str | None:
        """The same for a Dense layer."""
        return None

    def sparse_forms(self, cell: Cell) -> tuple[Sparse, ...]:
        """Which of input and state weights can be stored without zero blocks, besides neither."""
        return ()

    def instructions(self, cell: Cell) -> float:
        """Of all rows a step, so that forms of the same layer can be compared; 0 where size alone counts."""
        return 0.0

    def view_function(self, cell: Cell, entry: Entry) -> str:
        """What makes the view of a layer's x or h."""
        return f"es_view_{entry}"

    def shifts(self, cell: Cell) -> tuple[int, int]:
        """Requantisation shifts of the input's and of the state's matrix, as the kernels are told them."""
        return cell.input.shift, cell.state.shift

    def dense_sources(self) -> tuple[str, ...]:
        """Kernel files that a Dense layer needs, besides es_isa.h and its headers."""
        return ()

    @abstractmethod
    def view(self, name: str, size: int, cell: Cell, entry: Entry, reason: str) -> Buffer | None:
        """The scratch buffer of a view of `size` values, or None where they are read as they lie."""

    @abstractmethod
    def pack(self, cell: Cell) -> Packed:
        """Rows of a recurrent layer, phase by phase, group by group."""

    @abstractmethod
    def pack_dense(self, matrix: Matvec) -> Packed:
        """Rows of a Dense layer that reads an int16 tensor."""


def matrices(cell: Cell, *, wide: bool) -> list[tuple[Matvec, Entry]]:
    """The matrices of a layer that read values of 15 bits, or of 8, and what they read."""
    both = ((cell.state, cell.state_entry, cell.wide_state), (cell.input, cell.entry, cell.wide))
    return [(matrix, entry) for matrix, entry, is_wide in both if is_wide == wide]


def beyond(cell: Cell, *, wide: bool, bits: int, max_shift: int) -> str | None:
    """Why accumulators of so many bits cannot hold the rows of such matrices, or requantise them with such a shift."""
    for matrix, entry in matrices(cell, wide=wide):
        if largest_accumulator(matrix, entry).max() >= 1 << (bits - 1):
            return f"a row of {matrix.columns} columns can exceed {bits} bits"
        if matrix.shift > max_shift:
            return f"a requantisation shift of {matrix.shift} is above {max_shift}"
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of a matrix, padded with rows of zeros whose bias is 1. multiplier: int64, unshifted."""

    weight: npt.NDArray[np.int64]
    bias: npt.NDArray[np.int64]
    multiplier: npt.NDArray[np.int64]
    shift: int

    @classmethod
    def take(cls, matrix: Matvec, first: int, count: int, limit: int) -> Rows:
        """Rows first .. first + count - 1; those at or beyond limit are padding."""
        wanted = np.arange(first, first + count)
        kept = wanted < limit
        index = np.where(kept, wanted, 0)
        return cls(
            np.where(kept[:, None], matrix.weight[index].astype(np.int64), 0),
            np.where(kept, matrix.bias[index].astype(np.int64), 1),
            np.where(kept, matrix.multiplier[index].astype(np.int64), 0),
            matrix.shift,
        )

    @classmethod
    def join(cls, parts: list[Rows]) -> Rows:
        """Rows of the same matrix, one after another."""
        return cls(
            np.concatenate([part.weight for part in parts]),
            np.concatenate([part.bias for part in parts]),
            np.concatenate([part.multiplier for part in parts]),
            parts[0].shift,
        )

    def with_columns(self, multiple: int) -> Rows:
        """The same rows with columns of zeros up to a multiple."""
        missing = -self.weight.shape[1] % multiple
        return Rows(np.pad(self.weight, ((0, 0), (0, missing))), self.bias, self.multiplier, self.shift)


def as_words(values: npt.NDArray[np.int64]) -> Words:
    """Low 32 bits of each value."""
    return values.astype(np.uint64).astype(np.uint32).view(np.int32)


def bytes_as_words(values: npt.NDArray[np.int64]) -> Words:
    """int8 values as little-endian words, zeros at the end."""
    flat = values.astype(np.int8).ravel()
    return np.pad(flat, (0, -flat.size % 4)).view("<i4").astype(np.int32)


def halves_as_words(values: npt.NDArray[np.int64]) -> Words:
    """int16 values as little-endian words, zeros at the end."""
    flat = values.astype("<i2").ravel()
    return np.pad(flat, (0, flat.size % 2)).view("<i4").astype(np.int32)
