"""Layer types that look at a whole window at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeseq.graph.around import macs_of_window, sizes_through
from edgeseq.graph.layers import FloatArray, Layer

MergeMode = Literal["concat", "sum", "mul", "ave"]


@dataclass(frozen=True, slots=True, eq=False)
class Rearrange(Layer):
    """A layer that hands its time steps on as they are, in another order or number."""

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """None."""
        return ()

    def output_size(self, inputs: int) -> int:
        """As many as go in."""
        return inputs

    def macs_per_step(self, inputs: int) -> int:
        """None."""
        return 0


@dataclass(frozen=True, slots=True, eq=False)
class Reverse(Rearrange):
    """The window's last step first. A cell with go_backwards is a `Reverse` and the cell."""

    @property
    def window_reason(self) -> str | None:
        """The first output is the last input."""
        return "starts at the window's last step"


@dataclass(frozen=True, slots=True, eq=False)
class LastStep(Rearrange):
    """The window's last step alone: (batch, time, n) -> (batch, 1, n)."""

    @property
    def window_reason(self) -> str | None:
        """A stream has no last step."""
        return "reads the window's last step alone"

    def output_steps(self, steps: int) -> int:
        """One."""
        return 1


@dataclass(frozen=True, slots=True, eq=False)
class Bidirectional(Layer):
    """Two chains over the same window, merged value by value (Schuster and Paliwal 1997).

    forward, backward: chains as they run, each with the `Reverse` or `LastStep` that it needs.
    merge: concat, or the sum, product or mean of both.
    """

    forward: tuple[Layer, ...]
    backward: tuple[Layer, ...]
    merge: MergeMode

    @property
    def chains(self) -> tuple[tuple[Layer, ...], ...]:
        """Both halves."""
        return self.forward, self.backward

    @property
    def window_reason(self) -> str | None:
        """Half of it runs backwards."""
        return "runs one half backwards from the window's last step"

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """Those of the forward half, then of the backward half."""
        return tuple(array for chain in self.chains for layer in chain for array in layer.weights)

    def output_size(self, inputs: int) -> int:
        """Both halves' side by side, or one's."""
        sizes = [sizes_through(chain, inputs)[-1] for chain in self.chains]
        return sum(sizes) if self.merge == "concat" else sizes[0]

    def output_steps(self, steps: int) -> int:
        """Those of either half."""
        for layer in self.forward:
            steps = layer.output_steps(steps)
        return steps

    def macs_per_step(self, inputs: int) -> int:
        """Of both halves."""
        return self.macs_per_window(inputs, 1)

    def macs_per_window(self, inputs: int, steps: int) -> int:
        """Of both halves."""
        return sum(macs_of_window(chain, inputs, steps) for chain in self.chains)
