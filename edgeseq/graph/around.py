"""Layer types that stand around the recurrent ones: residual connections, pooling, normalisation, convolution, embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeseq.graph.layers import FloatArray, Kernel, Layer, WithoutMatrix


def sizes_through(layers: tuple[Layer, ...], inputs: int) -> tuple[int, ...]:
    """Values per time step before each layer of a chain, and after the last."""
    sizes = [inputs]
    for layer in layers:
        sizes.append(layer.output_size(sizes[-1]))
    return tuple(sizes)


def macs_through(layers: tuple[Layer, ...], inputs: int) -> int:
    """Multiply-accumulates of the matrix products of one time step of a chain."""
    return sum(layer.macs_per_step(size) for layer, size in zip(layers, sizes_through(layers, inputs), strict=False))


def past_steps(layers: tuple[Layer, ...]) -> int:
    """Earlier time steps that an output of a chain sees through its convolutions."""
    return sum(layer.past_steps for layer in layers)


def macs_of_window(layers: tuple[Layer, ...], inputs: int, steps: int) -> int:
    """The same of one window of `steps` time steps."""
    total = 0
    for layer in layers:
        total += layer.macs_per_window(inputs, steps)
        inputs, steps = layer.output_size(inputs), layer.output_steps(steps)
    return total


@dataclass(frozen=True, slots=True, eq=False)
class Residual(Layer):
    """``body(x) + shortcut(x)`` (He et al. 2015). Both are chains; an empty one is x itself."""

    body: tuple[Layer, ...]
    shortcut: tuple[Layer, ...]

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """Those of both chains."""
        return tuple(array for layer in (*self.body, *self.shortcut) for array in layer.weights)

    def output_size(self, inputs: int) -> int:
        """That of either chain."""
        return sizes_through(self.body, inputs)[-1]

    def macs_per_step(self, inputs: int) -> int:
        """Those of both chains."""
        return macs_through(self.body, inputs) + macs_through(self.shortcut, inputs)

    @property
    def chains(self) -> tuple[tuple[Layer, ...], ...]:
        """Body and shortcut."""
        return self.body, self.shortcut

    @property
    def past_steps(self) -> int:
        """Those of the chain that looks further back."""
        return max(past_steps(chain) for chain in self.chains)

    @property
    def window_reason(self) -> str | None:
        """That of the first layer inside that has one."""
        return next((layer.window_reason for layer in (*self.body, *self.shortcut) if layer.window_reason is not None), None)

    def macs_per_window(self, inputs: int, steps: int) -> int:
        """Those of both chains."""
        return macs_of_window(self.body, inputs, steps) + macs_of_window(self.shortcut, inputs, steps)


@dataclass(frozen=True, slots=True, eq=False)
class GlobalPool(WithoutMatrix):
    """Mean or maximum over all time steps since reset, one value a step: the last one is Keras' result for the window."""

    function: Literal["average", "max"]


@dataclass(frozen=True, slots=True, eq=False)
class LayerNormalization(WithoutMatrix):
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` over the features of a step (Ba et al. 2016).

    gamma, beta: (features,), or None where the layer has none.
    """

    gamma: FloatArray | None
    beta: FloatArray | None
    epsilon: float

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """Gamma and beta, as far as there are any."""
        return tuple(array for array in (self.gamma, self.beta) if array is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Conv1D(Kernel):
    """``activation(sum over taps of x(t - age) kernel[tap] + bias)``, causal: before a stream's start x is zero.

    kernel: (taps, inputs, units), the oldest tap first, at ages ``(taps - 1 - tap) * dilation``; bias: (units,).
    """

    dilation: int

    @property
    def taps(self) -> int:
        """Time steps that one output sees."""
        return self.kernel.shape[0]

    @property
    def past_steps(self) -> int:
        """The age of the oldest tap."""
        return (self.taps - 1) * self.dilation

    @property
    def units(self) -> int:
        """Number of outputs."""
        return self.kernel.shape[2]


@dataclass(frozen=True, slots=True, eq=False)
class DepthwiseConv1D(Kernel):
    """A causal convolution of every channel by itself. One tap makes a gain and an offset per channel.

    kernel: (taps, inputs, multiplier), the oldest tap first; output ``channel * multiplier + j`` is kernel[:, channel, j]'s.
    bias: (inputs * multiplier,).
    """

    dilation: int

    @property
    def taps(self) -> int:
        """Time steps that one output sees."""
        return self.kernel.shape[0]

    @property
    def past_steps(self) -> int:
        """The age of the oldest tap."""
        return (self.taps - 1) * self.dilation

    @property
    def units(self) -> int:
        """Number of outputs."""
        return self.kernel.shape[1] * self.kernel.shape[2]


@dataclass(frozen=True, slots=True, eq=False)
class Embedding(Layer):
    """``table[id]`` of the one id of a time step; ids outside the table are clamped to its ends. table: (ids, units)."""

    table: FloatArray

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """The table."""
        return (self.table,)

    def output_size(self, inputs: int) -> int:
        """Columns of the table."""
        return self.table.shape[1]

    def macs_per_step(self, inputs: int) -> int:
        """None: a row is copied."""
        return 0
