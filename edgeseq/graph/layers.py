"""Layer types. Weights keep Keras' layout and gate order; every array is float64."""

from __future__ import annotations

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
class _Cell:
    """What every recurrent layer has. Gates stand side by side in the columns of its matrices.

    kernel: (inputs, gates * units); recurrent_kernel: (units, gates * units).
    """

    name: str
    kernel: FloatArray
    recurrent_kernel: FloatArray
    bias: FloatArray

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.recurrent_kernel.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class Gru(_Cell):
    """Gated recurrent unit. Gate order z, r, candidate.

    bias: (2, 3*units), row 0 added to the input part, row 1 to the recurrent part.
    reset_after: r multiplies ``U h + b`` (True, Keras' default and cuDNN) or h (False).
    """

    reset_after: bool


@dataclass(frozen=True, slots=True, eq=False)
class Lstm(_Cell):
    """Long short-term memory. Gate order input, forget, candidate, output. bias: (4*units,)."""


@dataclass(frozen=True, slots=True, eq=False)
class SimpleRnn(_Cell):
    """``h = tanh(W x + U h + b)``. bias: (units,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """``activation(x kernel + bias)``, applied to every time step.

    kernel: (inputs, units); bias: (units,). softmax only as the last layer.
    """

    name: str
    kernel: FloatArray
    bias: FloatArray
    activation: ActivationName

    @property
    def units(self) -> int:
        """Number of outputs."""
        return self.kernel.shape[1]


@dataclass(frozen=True, slots=True, eq=False)
class Activate:
    """An activation that stands alone: relu anywhere, softmax as the last layer."""

    name: str
    function: Literal["relu", "softmax"]


Recurrent: TypeAlias = Gru | Lstm | SimpleRnn
Layer: TypeAlias = Recurrent | Dense | Activate


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A chain of layers, one time step in, one out; the state is part of the meaning.

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
    def output_size(self) -> int:
        """Values that one step yields."""
        size = self.input_size
        for layer in self.layers:
            if not isinstance(layer, Activate):
                size = layer.units
        return size

    @property
    def recurrent(self) -> tuple[Recurrent, ...]:
        """The layers that carry state, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Gru | Lstm | SimpleRnn))

    @property
    def parameters(self) -> int:
        """Trainable numbers: weights and biases."""
        return sum(
            array.size
            for layer in self.layers
            if not isinstance(layer, Activate)
            for array in ([layer.kernel, layer.bias] + ([] if isinstance(layer, Dense) else [layer.recurrent_kernel]))
        )

    @property
    def macs_per_step(self) -> int:
        """Multiply-accumulates of the matrix products of one time step."""
        return sum(
            layer.kernel.size + (0 if isinstance(layer, Dense) else layer.recurrent_kernel.size)
            for layer in self.layers
            if not isinstance(layer, Activate)
        )
