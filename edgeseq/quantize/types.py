"""The integer IR of scheme `int8`: int8 weights and matmul inputs, int16 gates and state.

Conventions, all proven against TFLite's operators by tests/portability:

* An int8 matmul input, and the model's own input, enter doubled and the bias is odd:
  ``acc = 2 * sum(w * (q - zero_point)) + bias``. The accumulator is then never an
  exact rounding tie, so every runtime's rounding mode gives the same result.
* An int16 tensor enters a Dense layer as it is: ``acc = sum(w * q) + bias``.
* ``out = saturate_int16((acc * multiplier + 2**(shift-1)) >> shift)`` per row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.arith.scale import Q15, Scale
from edgeseq.graph import Graph

Scheme = Literal["int8"]
SCHEMES: tuple[Scheme, ...] = ("int8",)
# Named in files and headers: a later mode must be told apart from this one.
ROUNDING_MODE = "half-up-on-tie-free-accumulators"


@dataclass(frozen=True, slots=True, eq=False)
class QuantInput:
    """How a raw time step becomes integers: ``q = round((x - mean) / std / scale) + zero_point``.

    mean, std: (features,), raw units. dtype int8: q in [-128, 127]. dtype int16: q in
    [-16384, 16383], so that its double is still an int16, and zero_point is 0.
    """

    dtype: Literal["int8", "int16"]
    scale: Scale
    zero_point: int
    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]

    @property
    def size(self) -> int:
        """Features of one time step."""
        return int(self.mean.size)

    @property
    def code_range(self) -> tuple[int, int]:
        """Smallest and largest code."""
        return (-128, 127) if self.dtype == "int8" else (-16384, 16383)

    def affine(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return float32 (gain, offset) per feature: ``code = floor(raw * gain + offset + 0.5)``."""
        gain = 1.0 / (self.std * self.scale.value)
        offset = self.zero_point - self.mean * gain
        return gain.astype(np.float32), offset.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Matvec:
    """One quantised matrix. weight: int8 (rows, columns); bias: int32 (rows,); multiplier: int16 (rows,)."""

    weight: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    multiplier: npt.NDArray[np.int16]
    shift: int

    @property
    def rows(self) -> int:
        """Outputs."""
        return self.weight.shape[0]

    @property
    def columns(self) -> int:
        """Inputs."""
        return self.weight.shape[1]


@dataclass(frozen=True, slots=True, eq=False)
class QuantGru:
    """Rows of both matrices: all of z, all of r, all of the candidate.

    input bias holds all bias, but for the candidate's recurrent one when reset_after;
    the other recurrent rows have the constant bias 1 (odd, see the module docstring).
    """

    name: str
    input: Matvec
    recurrent: Matvec
    preactivation_shift: int
    reset_after: bool

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.recurrent.columns


@dataclass(frozen=True, slots=True, eq=False)
class QuantLstm:
    """Rows of both matrices: input, forget, candidate, output gates. Cell in steps of 2**(cell_shift-15)."""

    name: str
    input: Matvec
    recurrent: Matvec
    preactivation_shift: int
    cell_shift: int

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.recurrent.columns


@dataclass(frozen=True, slots=True, eq=False)
class QuantSimpleRnn:
    """``h = tanh(W x + U h + b)``."""

    name: str
    input: Matvec
    recurrent: Matvec
    preactivation_shift: int

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.recurrent.columns


@dataclass(frozen=True, slots=True, eq=False)
class QuantDense:
    """Dense layer with int16 output.

    input_dtype: int8 only when fed by an int8 model input; otherwise the full int16 tensor.
    activation: linear, relu, or sigmoid/tanh through the table (then preactivation_shift > 0).
    """

    name: str
    matvec: Matvec
    input_dtype: Literal["int8", "int16"]
    activation: Literal["linear", "relu", "sigmoid", "tanh"]
    preactivation_shift: int
    out_scale: Scale

    @property
    def units(self) -> int:
        """Number of outputs."""
        return self.matvec.rows


@dataclass(frozen=True, slots=True, eq=False)
class QuantRelu:
    """``max(x, 0)`` on int16."""

    name: str
    units: int
    out_scale: Scale


QuantRecurrent: TypeAlias = QuantGru | QuantLstm | QuantSimpleRnn
QuantLayer: TypeAlias = QuantRecurrent | QuantDense | QuantRelu


@dataclass(frozen=True, slots=True, eq=False)
class QuantGraph:
    """Integer twin of a Graph. source is that graph, kept for fidelity figures.

    softmax: the float model ends in a softmax; the integer outputs are its logits.
    """

    name: str
    scheme: Scheme
    input: QuantInput
    layers: tuple[QuantLayer, ...]
    softmax: bool
    source: Graph

    @property
    def input_size(self) -> int:
        """Features of one time step."""
        return self.input.size

    @property
    def output_size(self) -> int:
        """Outputs of one time step."""
        return self.layers[-1].units

    @property
    def output_scale(self) -> Scale:
        """Real value of one output step."""
        last = self.layers[-1]
        return last.out_scale if isinstance(last, QuantDense | QuantRelu) else Q15

    @property
    def recurrent(self) -> tuple[QuantRecurrent, ...]:
        """The layers that carry state, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, QuantGru | QuantLstm | QuantSimpleRnn))
