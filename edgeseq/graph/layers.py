"""Layer types. Weights keep Keras' layout and gate order; every array is float64."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
ActivationName = Literal["linear", "relu", "sigmoid", "tanh", "softmax"]


@dataclass(frozen=True, slots=True, eq=False)
class Normalization:
    """``(x - mean) / std`` per feature; it becomes part of the input quantiser.

    mean, std: (features,), in the units of the raw input; std > 0.
    """

    mean: FloatArray
    std: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Layer(ABC):
    """One step of the chain: (batch, time, inputs) -> (batch, time, outputs)."""

    name: str

    @property
    @abstractmethod
    def weights(self) -> tuple[FloatArray, ...]:
        """Trainable arrays."""

    @abstractmethod
    def output_size(self, inputs: int) -> int:
        """Values per time step, given those of the layer's input."""

    @abstractmethod
    def macs_per_step(self, inputs: int) -> int:
        """Multiply-accumulates of the matrix products of one time step."""

    @property
    def window_reason(self) -> str | None:
        """Why the layer needs a whole window before its first output; None: it runs on a stream, step by step."""
        return None

    @property
    def chains(self) -> tuple[tuple[Layer, ...], ...]:
        """Chains of layers inside this one."""
        return ()

    def output_steps(self, steps: int) -> int:
        """Time steps of the output, given those of the input."""
        return steps

    def macs_per_window(self, inputs: int, steps: int) -> int:
        """Multiply-accumulates of the matrix products of one window."""
        return steps * self.macs_per_step(inputs)


def walk(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Every layer, each before those inside it."""
    for layer in layers:
        yield layer
        for chain in layer.chains:
            yield from walk(chain)


@dataclass(frozen=True, slots=True, eq=False)
class Recurrent(Layer):
    """What every recurrent layer has. Gates stand side by side in the columns of its matrices.

    kernel: (inputs, gates * units); recurrent_kernel: (units, gates * units).
    """

    kernel: FloatArray
    recurrent_kernel: FloatArray
    bias: FloatArray

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.recurrent_kernel.shape[0]

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """Kernel, recurrent kernel, bias."""
        return self.kernel, self.recurrent_kernel, self.bias

    def output_size(self, inputs: int) -> int:
        """The hidden state."""
        return self.units

    def macs_per_step(self, inputs: int) -> int:
        """Both matrices, once."""
        return self.kernel.size + self.recurrent_kernel.size


@dataclass(frozen=True, slots=True, eq=False)
class Gru(Recurrent):
    """Gated recurrent unit. Gate order z, r, candidate.

    bias: (2, 3*units), row 0 added to the input part, row 1 to the recurrent part.
    reset_after: r multiplies ``U h + b`` (True, Keras' default and cuDNN) or h (False).
    """

    reset_after: bool


@dataclass(frozen=True, slots=True, eq=False)
class Lstm(Recurrent):
    """Long short-term memory. Gate order input, forget, candidate, output. bias: (4*units,)."""


@dataclass(frozen=True, slots=True, eq=False)
class SimpleRnn(Recurrent):
    """``h = tanh(W x + U h + b)``. bias: (units,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Dense(Layer):
    """``activation(x kernel + bias)``, applied to every time step.

    kernel: (inputs, units); bias: (units,). softmax only as the last layer.
    """

    kernel: FloatArray
    bias: FloatArray
    activation: ActivationName

    @property
    def units(self) -> int:
        """Number of outputs."""
        return self.kernel.shape[1]

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """Kernel and bias."""
        return self.kernel, self.bias

    def output_size(self, inputs: int) -> int:
        """Units."""
        return self.units

    def macs_per_step(self, inputs: int) -> int:
        """The kernel, once."""
        return self.kernel.size


@dataclass(frozen=True, slots=True, eq=False)
class Activate(Layer):
    """An activation that stands alone: relu anywhere, softmax as the last layer."""

    function: Literal["relu", "softmax"]

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
class Graph:
    """A chain of layers, one time step in, one out; the state is part of the meaning.

    A model with a layer that needs a whole window (see `window_reason`) maps windows of
    time_steps steps to their outputs instead, and keeps nothing between them.

    input_size: features of one time step.
    returns_sequence: the model's output has a time axis. Otherwise its output is
    that of the last step of a window; a stream still yields one output a step.
    time_steps: the window length that the model was built with, or None.
    """

    name: str
    input_size: int
    normalization: Normalization | None
    layers: tuple[Layer, ...]
    returns_sequence: bool
    time_steps: int | None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Values per time step before each layer, and after the last."""
        sizes = [self.input_size]
        for layer in self.layers:
            sizes.append(layer.output_size(sizes[-1]))
        return tuple(sizes)

    @property
    def output_size(self) -> int:
        """Values that one step yields."""
        return self.sizes[-1]

    @property
    def recurrent(self) -> tuple[Recurrent, ...]:
        """The recurrent layers, in order, those inside other layers too."""
        return tuple(layer for layer in walk(self.layers) if isinstance(layer, Recurrent))

    @property
    def window_reason(self) -> str | None:
        """Why the model cannot run on a stream, naming the layer; None: it can."""
        for layer in self.layers:
            if layer.window_reason is not None:
                return f"layer {layer.name!r} {layer.window_reason}"
        return None

    @property
    def parameters(self) -> int:
        """Trainable numbers: weights and biases."""
        return sum(array.size for layer in self.layers for array in layer.weights)

    @property
    def macs_per_step(self) -> int:
        """Multiply-accumulates of the matrix products of one time step; of a window's, the mean over its steps."""
        if self.window_reason is None or self.time_steps is None:
            return sum(layer.macs_per_step(size) for layer, size in zip(self.layers, self.sizes, strict=False))
        total, steps = 0, self.time_steps
        for layer, size in zip(self.layers, self.sizes, strict=False):
            total += layer.macs_per_window(size, steps)
            steps = layer.output_steps(steps)
        return round(total / self.time_steps)
