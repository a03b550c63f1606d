"""Layer types. Weights keep Keras' layout and gate order; every array is float64."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.graph.fixed import FixedDense, FixedRecurrent

FloatArray: TypeAlias = npt.NDArray[np.float64]
# Keras 2's hard_sigmoid has another slope than Keras 3's.
ActivationName = Literal["linear", "relu", "sigmoid", "tanh", "softmax", "hard_sigmoid", "hard_sigmoid_keras2"]
CellFunction = Literal["tanh", "sigmoid", "hard_sigmoid", "hard_sigmoid_keras2", "relu", "linear"]
UNBOUNDED = ("relu", "linear")


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

    @property
    def past_steps(self) -> int:
        """Earlier time steps that an output sees directly; what a recurrent state carries is not counted."""
        return 0

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
    """A layer with a hidden state of `units` values, which is its output. Gates stand side by side in its matrices' columns.

    candidate: the gate that holds new content.
    """

    candidate: ClassVar[int]

    @property
    @abstractmethod
    def units(self) -> int:
        """Number of hidden units."""

    @property
    @abstractmethod
    def inputs(self) -> int:
        """Features of its input."""

    @property
    @abstractmethod
    def functions(self) -> tuple[CellFunction, ...]:
        """What is applied to each gate, in the order of the columns."""

    @property
    @abstractmethod
    def bounded(self) -> bool:
        """Whether no input can bring the hidden state outside [-1, 1]."""

    def output_size(self, inputs: int) -> int:
        """The hidden state."""
        return self.units


@dataclass(frozen=True, slots=True, eq=False)
class PairRecurrent(Recurrent):
    """A cell of two matrices. kernel: (inputs, gates * units); recurrent_kernel: (units, gates * units).

    fixed: of a layer trained with integers.
    """

    kernel: FloatArray
    recurrent_kernel: FloatArray
    bias: FloatArray
    fixed: FixedRecurrent | None = field(default=None, kw_only=True)

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.recurrent_kernel.shape[0]

    @property
    def inputs(self) -> int:
        """Rows of the kernel."""
        return self.kernel.shape[0]

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """Kernel, recurrent kernel, bias."""
        return self.kernel, self.recurrent_kernel, self.bias

    def macs_per_step(self, inputs: int) -> int:
        """Both matrices, once."""
        return self.kernel.size + self.recurrent_kernel.size


@dataclass(frozen=True, slots=True, eq=False)
class Gru(PairRecurrent):
    """Gated recurrent unit. Gate order z, r, candidate.

    bias: (2, 3*units), row 0 added to the input part, row 1 to the recurrent part.
    reset_after: r multiplies ``U h + b`` (True, Keras' default and cuDNN) or h (False).
    """

    candidate: ClassVar[int] = 2

    reset_after: bool
    activation: CellFunction = field(default="tanh", kw_only=True)
    recurrent_activation: CellFunction = field(default="sigmoid", kw_only=True)

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """Two gates, candidate."""
        return self.recurrent_activation, self.recurrent_activation, self.activation

    @property
    def bounded(self) -> bool:
        """As long as z takes a share of at most 1 of each."""
        return self.activation not in UNBOUNDED and self.recurrent_activation not in (*UNBOUNDED, "tanh")


@dataclass(frozen=True, slots=True, eq=False)
class Lstm(PairRecurrent):
    """Long short-term memory. Gate order input, forget, candidate, output. bias: (4*units,)."""

    candidate: ClassVar[int] = 2

    activation: CellFunction = field(default="tanh", kw_only=True)
    recurrent_activation: CellFunction = field(default="sigmoid", kw_only=True)

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """Two gates, candidate, output gate."""
        return self.recurrent_activation, self.recurrent_activation, self.activation, self.recurrent_activation

    @property
    def bounded(self) -> bool:
        """As the output gate and the cell's function are."""
        return self.activation not in UNBOUNDED and self.recurrent_activation not in UNBOUNDED


@dataclass(frozen=True, slots=True, eq=False)
class SimpleRnn(PairRecurrent):
    """``h = activation(W x + U h + b)``. bias: (units,)."""

    candidate: ClassVar[int] = 0

    activation: CellFunction = field(default="tanh", kw_only=True)

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """The one."""
        return (self.activation,)

    @property
    def bounded(self) -> bool:
        """As its function is."""
        return self.activation not in UNBOUNDED


@dataclass(frozen=True, slots=True, eq=False)
class Kernel(Layer):
    """One kernel, read once a time step, a bias and a function of their sum."""

    kernel: FloatArray
    bias: FloatArray
    activation: ActivationName

    @property
    @abstractmethod
    def units(self) -> int:
        """Number of outputs."""

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
class Dense(Kernel):
    """``activation(x kernel + bias)``, applied to every time step.

    kernel: (inputs, units); bias: (units,). softmax only as the last layer. fixed: of a layer trained with integers.
    """

    fixed: FixedDense | None = field(default=None, kw_only=True)

    @property
    def units(self) -> int:
        """Number of outputs."""
        return self.kernel.shape[1]

    @property
    def inputs(self) -> int:
        """Rows of the kernel."""
        return self.kernel.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class WithoutMatrix(Layer):
    """A layer that keeps the size of its input and multiplies by no matrix."""

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
class Activate(WithoutMatrix):
    """A function of single values that stands alone; softmax as the last layer.

    function: relu, softmax, or one of `reference.activations.FUNCTIONS`; parameters: its arguments behind the value.
    """

    function: str
    parameters: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Prelu(WithoutMatrix):
    """``x if x >= 0 else alpha * x``. alpha: (units,), in [-1, 1]."""

    alpha: FloatArray

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """Alpha."""
        return (self.alpha,)
