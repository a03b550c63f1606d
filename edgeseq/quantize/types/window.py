"""Integer layers that look at a whole window at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edgeseq.arith.scale import Scale
from edgeseq.graph import MergeMode
from edgeseq.quantize.types.base import Matvec, QuantLayer, QuantSameSize


@dataclass(frozen=True, slots=True, eq=False)
class QuantRearrange(QuantSameSize):
    """Time steps as they are, at the input's scale."""

    rearranges: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, eq=False)
class QuantReverse(QuantRearrange):
    """The window's last step first."""

    @property
    def window_reason(self) -> str | None:
        """The first output is the last input."""
        return "starts at the window's last step"


@dataclass(frozen=True, slots=True, eq=False)
class QuantLastStep(QuantRearrange):
    """The window's last step alone."""

    @property
    def window_reason(self) -> str | None:
        """A stream has no last step."""
        return "reads the window's last step alone"


@dataclass(frozen=True, slots=True, eq=False)
class QuantBidirectional(QuantLayer):
    """Two chains over the same window whose results, of one scale, are merged.

    concat: side by side. sum and ave: ``(a >> 1) + (b >> 1)``, which cannot overflow; a step of the sum
    is worth two of theirs. mul: `multiply_q15`, of results in steps of 2^-15.
    """

    forward: tuple[QuantLayer, ...]
    backward: tuple[QuantLayer, ...]
    merge: MergeMode

    @property
    def chains(self) -> tuple[tuple[QuantLayer, ...], ...]:
        """Both halves."""
        return self.forward, self.backward

    @property
    def window_reason(self) -> str | None:
        """Half of it runs backwards."""
        return "runs one half backwards from the window's last step"

    @property
    def units(self) -> int:
        """Both halves' side by side, or one's."""
        sizes = [chain[-1].units for chain in self.chains]
        return sum(sizes) if self.merge == "concat" else sizes[0]

    @property
    def out_scale(self) -> Scale:
        """That of the halves; twice that of a sum."""
        return self.forward[-1].out_scale.times_power_of_two(int(self.merge == "sum"))

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """Those of the forward half, then of the backward half."""
        return tuple(matrix for chain in self.chains for layer in chain for matrix in layer.matrices)
