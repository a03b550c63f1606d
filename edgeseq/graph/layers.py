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
