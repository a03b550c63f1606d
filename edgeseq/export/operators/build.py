"""Collects operators; its methods are the vocabulary of the lowerings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from edgeseq.arith.scale import Q15, Scale
from edgeseq.export.operators import types as ops
from edgeseq.export.operators.types import Array, Dtype, Matrix, Operator, State, Tensor


class Builder:
    """The operators so far, in order, and the states. from_zero: each call starts from zero states and keeps none."""

    def __init__(self, *, from_zero: bool = False) -> None:
        self.operators: list[Operator] = []
        self.states: list[State] = []
        self.from_zero = from_zero
        self._constants: dict[tuple[str, tuple[int, ...], bytes, Scale | None], Tensor] = {}

    def constant(self, data: Array, scale: Scale | None = None) -> Tensor:
        """A constant; equal ones are one tensor."""
        array = np.ascontiguousarray(data)
        key = (array.dtype.name, array.shape, array.tobytes(), scale)
        if key not in self._constants:
            dtype = cast("Dtype", array.dtype.name)
            self._constants[key] = Tensor(array.shape, dtype, scale, data=array)
        return self._constants[key]

    def filled(self, like: Tensor, value: float, scale: Scale | None = None) -> Tensor:
        """A constant of one value in each place of a tensor's rows: (1, units) of its type."""
        return self.constant(np.full((1, like.units), value, like.dtype), scale or like.scale)

    def state(self, name: str, shape: tuple[int, ...], dtype: Dtype, scale: Scale | None) -> Tensor:
        """What a call begins with: an input, or zeros. Call `keep` with what it leaves."""
        if self.from_zero:
            return self.constant(np.zeros(shape, dtype), scale)
        return Tensor(shape, dtype, scale)

    def keep(self, name: str, before: Tensor, after: Tensor) -> None:
        """Carry a tensor to the next call."""
        if not self.from_zero:
            self.states.append(State(name, before, after))

    def fully_connected(self, x: Tensor, matrix: Matrix, out_scale: Scale | None) -> Tensor:
        """Rows of x times a matrix."""
        dtype: Dtype = "float32" if matrix.multiplier is None else "int16"
        out = Tensor((x.shape[0], matrix.weight.shape[0]), dtype, out_scale)
        return self._add(ops.FullyConnected((x,), (out,), matrix))

    def depthwise(self, x: Tensor, matrix: Matrix, channels: int, out_scale: Scale) -> Tensor:
        """Each channel by itself."""
        out = Tensor((x.shape[0], matrix.weight.shape[0]), "int16", out_scale)
        return self._add(ops.Depthwise((x,), (out,), matrix, channels))

    def logistic(self, x: Tensor) -> Tensor:
        """Sigmoid."""
        return self._add(ops.Logistic((x,), (_like(x, Q15),)))

    def tanh(self, x: Tensor) -> Tensor:
        """Hyperbolic tangent."""
        return self._add(ops.Tanh((x,), (_like(x, Q15),)))

    def relu(self, x: Tensor) -> Tensor:
        """Clamp at zero."""
        return self._add(ops.Relu((x,), (_like(x),)))

    def multiply(self, a: Tensor, b: Tensor, scale: Scale | None = None) -> Tensor:
        """Product; scale: of an int16 result."""
        return self._add(ops.Multiply((a, b), (_both(a, b, scale),)))

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """Sum, at the scale of both."""
        return self._add(ops.Add((a, b), (_both(a, b, a.scale),)))

    def subtract(self, a: Tensor, b: Tensor) -> Tensor:
        """Difference, at the scale of both."""
        return self._add(ops.Subtract((a, b), (_both(a, b, a.scale),)))

    def maximum(self, a: Tensor, b: Tensor) -> Tensor:
        """The larger."""
        return self._add(ops.Maximum((a, b), (_both(a, b, a.scale),)))

    def minimum(self, a: Tensor, b: Tensor) -> Tensor:
        """The smaller."""
        return self._add(ops.Minimum((a, b), (_both(a, b, a.scale),)))

    def widen(self, x: Tensor, shift: int) -> Tensor:
        """int8 codes as int16, without their zero point."""
        return self._add(ops.Widen((x,), (Tensor(x.shape, "int16", _moved(x, -shift)),), shift))

    def narrow(self, x: Tensor) -> Tensor:
        """The top byte."""
        return self._add(ops.Narrow((x,), (Tensor(x.shape, "int8", _moved(x, 8)),)))

    def shift_left(self, x: Tensor, shift: int) -> Tensor:
        """Finer steps of the same values; nothing to do for 0."""
        return x if shift == 0 else self._add(ops.ShiftLeft((x,), (_like(x, _moved(x, -shift)),), shift))

    def shift_right(self, x: Tensor, shift: int) -> Tensor:
        """Coarser steps; nothing to do for 0."""
        return x if shift == 0 else self._add(ops.ShiftRight((x,), (_like(x, _moved(x, shift)),), shift))

    def halve(self, x: Tensor) -> Tensor:
        """`edgeseq.arith.product.halve`: the difference to 1, which saturates, halved upwards."""
        return self.shift_right(self.subtract(x, self.filled(x, 1)), 1)

    def mean(self, x: Tensor) -> Tensor:
        """Mean of the rows, (1, values)."""
        return self._add(ops.Mean((x,), (Tensor((1, x.units), x.dtype, x.scale),)))

    def largest(self, x: Tensor, axis: int = 0) -> Tensor:
        """Maximum over an axis, which is kept."""
        shape = list(x.shape)
        shape[axis] = 1
        return self._add(ops.Largest((x,), (_like(x, x.scale, tuple(shape)),), axis))

    def transpose(self, x: Tensor) -> Tensor:
        """Rows and columns exchanged."""
        return self._add(ops.Transpose((x,), (_like(x, x.scale, x.shape[::-1]),)))

    def concat(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        """Side by side; a single part is itself."""
        if len(parts) == 1:
            return parts[0]
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        return self._add(ops.Concat(tuple(parts), (_like(parts[0], parts[0].scale, tuple(shape)),), axis))

    def split(self, x: Tensor, sizes: Sequence[int], axis: int) -> tuple[Tensor, ...]:
        """Cut along an axis; one part is the tensor itself."""
        if len(sizes) == 1:
            return (x,)
        shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in sizes]
        outputs = tuple(_like(x, x.scale, shape) for shape in shapes)
        self.operators.append(ops.Split((x,), outputs, axis))
        return outputs

    def slice(self, x: Tensor, start: int, count: int) -> Tensor:
        """Rows of the first axis; all of them are the tensor itself."""
        if count == x.shape[0]:
            return x
        return self._add(ops.Slice((x,), (_like(x, x.scale, (count, *x.shape[1:])),), start))

    def relabel(self, x: Tensor, scale: Scale) -> Tensor:
        """The same integers in other steps."""
        return x if x.scale == scale else self._add(ops.Reshape((x,), (_like(x, scale),)))

    def reshape(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Nothing to do where it has that shape."""
        return x if x.shape == shape else self._add(ops.Reshape((x,), (_like(x, x.scale, shape),)))

    def cast(self, x: Tensor, dtype: Dtype, scale: Scale | None = None) -> Tensor:
        """The same integers; scale: of an int16 result."""
        return self._add(ops.Cast((x,), (Tensor(x.shape, dtype, scale),)))

    def floor_divide(self, a: Tensor, b: Tensor) -> Tensor:
        """Quotient, rounded down."""
        return self._add(ops.FloorDivide((a, b), (_both(a, b, None),)))

    def floor_modulo(self, a: Tensor, b: Tensor) -> Tensor:
        """Remainder of the quotient rounded down."""
        return self._add(ops.FloorModulo((a, b), (_both(a, b, None),)))

    def gather(self, table: Tensor, indices: Tensor) -> Tensor:
        """table[indices]."""
        shape = (*indices.shape, *table.shape[1:])
        return self._add(ops.Gather((table, indices), (Tensor(shape, table.dtype, table.scale),)))

    def less(self, a: Tensor, b: Tensor) -> Tensor:
        """Whether a < b, as int32."""
        return self._add(ops.Less((a, b), (Tensor(_both(a, b, None).shape, "int32"),)))

    def number(self, value: float) -> Tensor:
        """A float32, (1, 1)."""
        return self.constant(np.array([[value]], np.float32))

    def sum(self, x: Tensor) -> Tensor:
        """Over the last axis, which is kept."""
        return self._add(ops.Sum((x,), (Tensor((*x.shape[:-1], 1), x.dtype),)))

    def high_word(self, x: Tensor) -> Tensor:
        """Upper half of int64."""
        return self._add(ops.HighWord((x,), (Tensor(x.shape, "int32"),)))

    def divide(self, a: Tensor, b: Tensor) -> Tensor:
        """Quotient of floats."""
        return self._add(ops.Divide((a, b), (_both(a, b, None),)))

    def reciprocal_root(self, x: Tensor) -> Tensor:
        """Of floats."""
        return self._add(ops.ReciprocalRoot((x,), (_like(x),)))

    def softmax(self, x: Tensor) -> Tensor:
        """Of floats, over the last axis."""
        return self._add(ops.Softmax((x,), (_like(x),)))

    def gelu(self, x: Tensor) -> Tensor:
        """Of floats, the exact one."""
        return self._add(ops.Gelu((x,), (_like(x),)))

    def matrix_product(self, a: Tensor, b: Tensor, *, by_rows: bool) -> Tensor:
        """Of two matrices of floats; by_rows: a @ b.T."""
        out = Tensor((a.shape[0], b.shape[0] if by_rows else b.shape[1]), a.dtype)
        return self._add(ops.MatrixProduct((a, b), (out,), by_rows))

    def integer(self, value: int, dtype: Dtype = "int32") -> Tensor:
        """A plain integer, (1, 1)."""
        return self.constant(np.array([[value]], dtype))

    def _add(self, operator: Operator) -> Tensor:
        self.operators.append(operator)
        return operator.output


def _like(x: Tensor, scale: Scale | None = None, shape: tuple[int, ...] | None = None) -> Tensor:
    # Only int8 codes have a zero point; they are reshaped and rearranged, never computed with.
    return Tensor(shape or x.shape, x.dtype, None if x.dtype == "float32" else scale or x.scale, x.zero_point)


def _both(a: Tensor, b: Tensor, scale: Scale | None) -> Tensor:
    return Tensor(tuple(np.broadcast_shapes(a.shape, b.shape)), a.dtype, scale)


def _moved(x: Tensor, exponent: int) -> Scale:
    assert x.scale is not None  # whoever shifts a tensor knows its scale
    return x.scale.times_power_of_two(exponent)
