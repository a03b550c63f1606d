"""Which matrices are stored without their blocks of zeros: one rule for all kernels.

Pruning (edgeseq.train.qat) zeroes whole blocks of weights. Kernels that can leave them out read an index instead; the
integers are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Block = tuple[int, int]  # rows (units of one gate), columns


@dataclass(frozen=True, slots=True)
class Cost:
    """What a layer's matrices cost: bytes of weights, indices and code of their own, and instructions a step.

    instructions: estimated; 0 where the kernels are chosen for their size.
    """

    flash_bytes: int
    instructions: float = 0.0


def best(costs: Sequence[Cost]) -> int:
    """Return which way to store a layer; the first is the dense one, which stays unless another gains.

    Neither figure may get worse: who asks for speed does not expect more flash, nor the reverse. An index costs about
    a tenth of both, so that a few zeros make a matrix larger and slower. Among what is left time counts first, then flash.
    """
    dense = costs[0]
    allowed = [
        number
        for number, cost in enumerate(costs)
        if cost.flash_bytes <= dense.flash_bytes and cost.instructions <= dense.instructions
    ]
    return min(allowed, key=lambda number: (costs[number].instructions, costs[number].flash_bytes))


def stored_blocks(weight: npt.NDArray[Any], units: int, block: Block) -> npt.NDArray[np.bool_]:
    """Return which blocks of a gate-major matrix hold a weight: (gates * groups of units, groups of columns).

    weight: (gates * units, columns). Blocks start anew with every gate; those at the edges are cut off.
    """
    rows, columns = block
    by_gate = (weight != 0).reshape(-1, units, weight.shape[1])
    padded = np.pad(by_gate, ((0, 0), (0, -units % rows), (0, -weight.shape[1] % columns)))
    gates, height, width = padded.shape
    return np.asarray(padded.reshape(gates * height // rows, rows, width // columns, columns).any(axis=(1, 3)))


def note(name: str, weight: npt.NDArray[Any], units: int, block: Block) -> str:
    """What the exporter says of a matrix that it stored sparsely."""
    stored = stored_blocks(weight, units, block)
    return f"{stored.sum()} of {stored.size} {block[0]}x{block[1]} blocks of the {name} weights"


def reachable(stored: npt.NDArray[np.bool_], reach: int) -> list[int]:
    """Numbers of one row's blocks that are kept, so that none is more than `reach` behind the one before.

    A block of zeros fills a gap that is too wide for an index. The first counts from block 0.
    """
    kept: list[int] = []
    at = 0
    for number in np.flatnonzero(stored).tolist():
        while number - at > reach:
            at += reach
            kept.append(at)
        at = number
        kept.append(at)
    return kept


def steps(kept: Sequence[int]) -> npt.NDArray[np.int64]:
    """From each kept block to the next, the first from block 0."""
    return np.asarray(kept, np.int64) - np.asarray([0, *kept[:-1]] if kept else [], np.int64)


# Columns of a block where rows are read one by one, and blocks that a byte tells of.
_COLUMNS, _OF_A_BYTE = 4, 8


def without_zeros(
    row: npt.NDArray[np.int8], pack: Callable[[npt.NDArray[np.int8]], npt.NDArray[np.int8]]
) -> npt.NDArray[np.int8]:
    """Bytes of one row: before each eight blocks which of them are stored, the first one lowest, then those, packed."""
    blocks = [row[at : at + _COLUMNS] for at in range(0, row.size, _COLUMNS)]
    pieces: list[npt.NDArray[np.int8]] = []
    for first in range(0, len(blocks), _OF_A_BYTE):
        eight = blocks[first : first + _OF_A_BYTE]
        mask = sum(1 << number for number, block in enumerate(eight) if block.any())
        pieces += [np.array([mask], np.uint8).view(np.int8), *(pack(block) for block in eight if block.any())]
    return np.concatenate(pieces)
