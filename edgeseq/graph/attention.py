"""Self-attention: every time step of a window looks at every other one."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseq.graph.layers import Dense, FloatArray, Layer


@dataclass(frozen=True, slots=True, eq=False)
class SelfAttention(Layer):
    """``output(softmax(q k^T / sqrt(key size)) v)``, head by head (Vaswani et al. 2017), without a mask.

    query, key, value: linear layers, (inputs) -> heads side by side; output: from the heads' contexts.
    """

    query: Dense
    key: Dense
    value: Dense
    output: Dense
    heads: int

    @property
    def window_reason(self) -> str | None:
        """The first step looks at the last."""
        return "looks at all time steps of the window at once"

    @property
    def projections(self) -> tuple[Dense, ...]:
        """Query, key, value, output."""
        return self.query, self.key, self.value, self.output

    @property
    def chains(self) -> tuple[tuple[Layer, ...], ...]:
        """The projections; the last reads the contexts."""
        return tuple((layer,) for layer in self.projections)

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """Those of the projections."""
        return tuple(array for layer in self.projections for array in layer.weights)

    def output_size(self, inputs: int) -> int:
        """That of the output projection."""
        return self.output.units

    def macs_per_step(self, inputs: int) -> int:
        """The projections, and a step with itself."""
        return self.macs_per_window(inputs, 1)

    def macs_per_window(self, inputs: int, steps: int) -> int:
        """The projections of every step, and the products of every step with every other one."""
        pairs = steps * steps * (self.query.units + self.value.units)
        return steps * sum(layer.kernel.size for layer in self.projections) + pairs
