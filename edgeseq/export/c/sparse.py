"""Which matrices are stored without their blocks of zeros: one rule for all kernels.

Pruning (edgeseq.train.qat) zeroes whole blocks. A family whose kernels can leave them out says what a matrix costs either
way; the integers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Block = tuple[int, int]  # rows (units of one gate), columns


@dataclass(frozen=True, slots=True)
class Cost:
    """What a matrix costs: bytes of its weights, indices and own code, and instructions a step (0 where they do not count)."""

    flash_bytes: int
    instructions: float = 0.0


@dataclass(frozen=True, slots=True)
class Storage:
    """A matrix stored whole (dense) or without its zero blocks (sparse). stored, blocks: of so many, of that shape."""

    block: Block
    stored: int
    blocks: int
    dense: Cost
    sparse: Cost

    @property
    def gains(self) -> bool:
        """Whether to leave zero blocks out.

        Neither figure may get worse and one must get better: a user who asks for speed does not expect more flash,
        and an index costs about 10 % of both, so that few zeros make a matrix larger and slower.
        """
        flash = self.dense.flash_bytes - self.sparse.flash_bytes
        instructions = self.dense.instructions - self.sparse.instructions
        return min(flash, instructions) >= 0 and max(flash, instructions) > 0

    def note(self, name: str) -> str:
        """What the exporter says of a matrix that it stored sparsely."""
        rows, columns = self.block
        return f"{self.stored} of {self.blocks} {rows}x{columns} blocks of the {name} weights"


def stored_blocks(weight: npt.NDArray[Any], units: int, block: Block) -> npt.NDArray[np.bool_]:
    """Return which blocks of a gate-major matrix hold a weight: (gates * groups of units, groups of columns).

    weight: (gates * units, columns). Blocks start anew with every gate; those at the edges are cut off.
    """
    rows, columns = block
    by_gate = (weight != 0).reshape(-1, units, weight.shape[1])
    padded = np.pad(by_gate, ((0, 0), (0, -units % rows), (0, -weight.shape[1] % columns)))
    gates, height, width = padded.shape
    return np.asarray(padded.reshape(gates * height // rows, rows, width // columns, columns).any(axis=(1, 3)))


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
    return np.diff(np.array([0, *kept], np.int64))
