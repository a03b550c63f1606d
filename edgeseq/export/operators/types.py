"""Tensors and operators that every integer runtime can compute exactly.

An operator says what it does to integers (multiplier and shift, saturation, rounding), so that an exporter can print
it as an operator of its own format or spell it out in arithmetic. Scales are carried along: they say what a step is
worth, and formats that only know scales get the same factors from them.

Of float32 tensors an operator means what its name says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeseq.arith.matmul import WeightBits
from edgeseq.arith.scale import Scale

Dtype = Literal["int8", "int16", "int32", "int64", "float32"]
Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """An array of integers, or of float32 in a float graph.

    scale: real value of one step, None where there is no such thing; data: of a constant, else None.
    """

    shape: tuple[int, ...]
    dtype: Dtype
    scale: Scale | None = None
    zero_point: int = 0
    data: Array | None = None

    @property
    def units(self) -> int:
        """Values of the last axis."""
        return self.shape[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """What a FullyConnected multiplies by, shared by all of its uses.

    weight: (rows, columns), int8 of `bits` bits, or float32; bias: (rows,), int64 or float32.
    multiplier: (rows,), in [1, 32767], and shift: 16..32, see `FullyConnected`; none of a float matrix.
    """

    weight: Tensor
    bias: Tensor
    multiplier: npt.NDArray[np.int16] | None = None
    shift: int = 0
    bits: WeightBits = 8


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One operation. Integers of int16 tensors saturate unless it is said otherwise."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def output(self) -> Tensor:
        """The first, and for all but Split the only one."""
        return self.outputs[0]


@dataclass(frozen=True, slots=True, eq=False)
class FullyConnected(Operator):
    """``((x @ weight.T + bias) * multiplier + 2**(shift-1)) >> shift`` per row; x: int16 (n, columns).

    No accumulator of an int8-x-int8 product with its odd bias is an exact tie (see docs/numerics.md), so rounding
    half up and half away from zero give the same.
    """

    matrix: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class Depthwise(Operator):
    """Each channel by itself: x int16 (n, taps * channels), the oldest tap first, requantised as `FullyConnected`.

    Row ``channel * multiplier + j`` of the matrix (rows, taps) reads that channel of every tap.
    """

    matrix: Matrix
    channels: int


@dataclass(frozen=True, slots=True, eq=False)
class Logistic(Operator):
    """`edgeseq.arith.activation.sigmoid_q15` of int16.

    The table's argument is x << p where x is in steps of 10923 * 2**(p-27), and that of
    `edgeseq.arith.activation.cell_argument` where they are 2**(n-15), n below 3.
    """


@dataclass(frozen=True, slots=True, eq=False)
class Tanh(Operator):
    """`edgeseq.arith.activation.tanh_q15` of int16, the argument as `Logistic`'s."""


@dataclass(frozen=True, slots=True, eq=False)
class Relu(Operator):
    """``max(x, 0)``."""


@dataclass(frozen=True, slots=True, eq=False)
class Multiply(Operator):
    """`edgeseq.arith.product.multiply_q15` of two int16 tensors, its shift from their scales.

    int32 and int64 tensors without scales: the product, exact.
    """

    @property
    def shift(self) -> int:
        """2**-shift is the factor of the product of integers; 2..30."""
        (a, b), out = self.inputs, self.output
        assert a.scale is not None
        assert b.scale is not None
        assert out.scale is not None
        factor = a.scale.value * b.scale.value / out.scale.value
        shift = -(np.frexp(factor)[1] - 1)
        assert factor == 2.0**-shift, "a product's scales differ by more than a power of two"
        return int(shift)


@dataclass(frozen=True, slots=True, eq=False)
class Add(Operator):
    """The saturated sum of two int16 tensors of one scale; of int32 and int64 tensors, the sum, which does not overflow."""


@dataclass(frozen=True, slots=True, eq=False)
class Subtract(Operator):
    """The saturated difference of two int16 tensors of one scale; of int32 and int64 tensors, the difference."""


@dataclass(frozen=True, slots=True, eq=False)
class Maximum(Operator):
    """The larger of two."""


@dataclass(frozen=True, slots=True, eq=False)
class Minimum(Operator):
    """The smaller of two."""


@dataclass(frozen=True, slots=True, eq=False)
class Widen(Operator):
    """``(x - zero_point) << shift``, int8 to int16, which holds it."""

    shift: int


@dataclass(frozen=True, slots=True, eq=False)
class Narrow(Operator):
    """`edgeseq.arith.product.narrow_to_int8`: the top byte of int16."""


@dataclass(frozen=True, slots=True, eq=False)
class ShiftLeft(Operator):
    """``x << shift`` of int16."""

    shift: int


@dataclass(frozen=True, slots=True, eq=False)
class ShiftRight(Operator):
    """`edgeseq.arith.product.shift_right` of int16: its own rounding. shift: 1..30."""

    shift: int


@dataclass(frozen=True, slots=True, eq=False)
class Mean(Operator):
    """`edgeseq.arith.pooling.mean_of` over the first axis, which is kept, of int16 (n, values)."""


@dataclass(frozen=True, slots=True, eq=False)
class Largest(Operator):
    """The maximum over an axis, which is kept."""

    axis: int


@dataclass(frozen=True, slots=True, eq=False)
class Transpose(Operator):
    """Rows and columns exchanged."""


@dataclass(frozen=True, slots=True, eq=False)
class Concat(Operator):
    """Tensors side by side along an axis."""

    axis: int


@dataclass(frozen=True, slots=True, eq=False)
class Split(Operator):
    """A tensor cut along an axis, an output for each of the sizes."""

    axis: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the parts."""
        return tuple(out.shape[self.axis] for out in self.outputs)


@dataclass(frozen=True, slots=True, eq=False)
class Slice(Operator):
    """Rows of the first axis from `start` on, as many as the output has."""

    start: int


@dataclass(frozen=True, slots=True, eq=False)
class Reshape(Operator):
    """The same integers in another shape, or said to be of another scale."""


@dataclass(frozen=True, slots=True, eq=False)
class Cast(Operator):
    """The same integers in another type, which holds them."""


@dataclass(frozen=True, slots=True, eq=False)
class FloorDivide(Operator):
    """The quotient of two int32 tensors, rounded down; the divisor is positive."""


@dataclass(frozen=True, slots=True, eq=False)
class FloorModulo(Operator):
    """What remains after the same of int32 or int64: 0 to the divisor less 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Gather(Operator):
    """Rows of a table, the first input, by int32 indices, the second, which lie inside."""


@dataclass(frozen=True, slots=True, eq=False)
class Less(Operator):
    """Whether the first of two plain integers is below the second: int32 1 or 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Sum(Operator):
    """The sum of int32 or int64 over the last axis, which is kept; it does not overflow."""


@dataclass(frozen=True, slots=True, eq=False)
class HighWord(Operator):
    """``x >> 32`` of int64, as int32."""


@dataclass(frozen=True, slots=True, eq=False)
class Divide(Operator):
    """The quotient of float32 tensors."""


@dataclass(frozen=True, slots=True, eq=False)
class ReciprocalRoot(Operator):
    """``1 / sqrt(x)`` of float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Softmax(Operator):
    """Over the last axis, of float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Gelu(Operator):
    """``x / 2 * (1 + erf(x / sqrt(2)))`` of float32."""


@dataclass(frozen=True, slots=True, eq=False)
class MatrixProduct(Operator):
    """Rows of the first float32 matrix with rows of the second, or with its columns. by_rows: which."""

    by_rows: bool


@dataclass(frozen=True, slots=True)
class Port:
    """A named tensor at the edge of a program."""

    name: str
    tensor: Tensor


@dataclass(frozen=True, slots=True)
class State:
    """What a stream carries between calls. It starts from zeros.

    name: of the layer, and what of it; before, after: input and output tensor, of one shape and type.
    """

    name: str
    before: Tensor
    after: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Operators in an order in which they can run.

    steps: time steps of one call. x: (1, features) or, of several steps, (1, steps, features); y likewise, or (1, out)
    where the model leaves one. states: in the oracle's order; empty where each call is a window from zero states.
    """

    x: Port
    y: Port
    states: tuple[State, ...]
    operators: tuple[Operator, ...]
    steps: int
