"""Operators of a Program in ONNX, operator by operator, on int64: every rule is spelled out, nothing is rounded elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from edgeseq.arith.activation import SIGMOID_TABLE
from edgeseq.arith.requantize import INT16_MAX, INT16_MIN
from edgeseq.arith.scale import preactivation_scale
from edgeseq.export.onnx.build import GraphBuilder
from edgeseq.export.operators import types as ops
from edgeseq.export.operators.types import Matrix, Operator, Tensor


class IntegerGraph(GraphBuilder):
    """An ONNX graph of a Program. Every tensor inside is int64."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[int, str] = {}
        self._kept: list[Tensor] = []  # an id is a tensor's own only while the tensor lives
        self._matrices: dict[int, str] = {}

    def name(self, tensor: Tensor) -> str:
        """Name of a tensor; of a constant, the int64 of what is stored in its own type."""
        if id(tensor) not in self._names:
            assert tensor.data is not None, "a tensor is read before an operator makes it"
            self._keep(tensor, self.stored(np.asarray(tensor.data)))
        return self._names[id(tensor)]

    def _keep(self, tensor: Tensor, name: str) -> None:
        self._kept.append(tensor)
        self._names[id(tensor)] = name

    def stored(self, data: np.ndarray[Any, Any]) -> str:
        """A constant that is stored in its own type, as int64."""
        name = self.constant(data, data.dtype)
        return name if data.dtype == np.int64 else self._wide(name)

    def _wide(self, name: str) -> str:
        key = f"wide {name}"
        if key not in self._constants:
            self._constants[key] = self.one("Cast", name, to=7)
        return self._constants[key]

    def enter(self, tensor: Tensor, name: str) -> None:
        """Take an input of the graph."""
        self._keep(tensor, name if tensor.dtype == "int64" else self.one("Cast", name, to=7))

    def leave(self, tensor: Tensor, name: str) -> None:
        """Give an output of the graph its type and its name."""
        to = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
        self.node("Cast", [self.name(tensor)], [name], to=to)

    def emit(self, operator: Operator) -> None:
        """Add a Program's operator."""
        made = EMITTERS[type(operator)](self, operator)
        for tensor, name in zip(operator.outputs, [made] if isinstance(made, str) else made, strict=True):
            self._keep(tensor, name)

    def whole_quotient(self, value: str, divisor: str) -> str:
        """Rounded down; ONNX' Div of integers rounds towards zero, its Mod is that of the floor."""
        return self.one("Div", self.one("Sub", value, self.one("Mod", value, divisor)), divisor)

    def shifted(self, value: str, shift: int) -> str:
        """``value >> shift``."""
        return self.whole_quotient(value, self.constant(1 << shift)) if shift else value

    def saturated(self, value: str, low: int = INT16_MIN, high: int = INT16_MAX) -> str:
        """Clamped."""
        return self.one("Min", self.one("Max", value, self.constant(low)), self.constant(high))

    def by_sign(self, value: str, negative: int, other: int) -> str:
        """One number where the value is negative, else another."""
        below = self.one("Less", value, self.constant(0))
        return self.one("Where", below, self.constant(negative), self.constant(other))

    def requantized(self, total: str, matrix: Matrix) -> str:
        """An accumulator as int16, row by row."""
        assert matrix.multiplier is not None
        product = self.one("Mul", total, self.stored(matrix.multiplier))
        half = self.constant(1 << (matrix.shift - 1))
        return self.saturated(self.shifted(self.one("Add", product, half), matrix.shift))


def _fully_connected(graph: IntegerGraph, operator: ops.FullyConnected) -> str:
    matrix = operator.matrix
    assert matrix.weight.data is not None
    total = graph.one("MatMul", graph.name(operator.inputs[0]), graph.stored(np.asarray(matrix.weight.data).T))
    return graph.requantized(graph.one("Add", total, graph.name(matrix.bias)), matrix)


def _depthwise(graph: IntegerGraph, operator: ops.Depthwise) -> str:
    (x,), out, matrix, channels = operator.inputs, operator.output, operator.matrix, operator.channels
    assert matrix.weight.data is not None
    count, taps = x.shape[0], x.units // channels
    weight = np.asarray(matrix.weight.data).reshape(channels, -1, taps).transpose(2, 0, 1)
    seen = graph.one("Reshape", graph.name(x), graph.constant([count, taps, channels, 1]))
    total = graph.one("ReduceSum", graph.one("Mul", seen, graph.stored(weight)), graph.constant([1]), keepdims=0)
    flat = graph.one("Reshape", total, graph.constant([count, out.units]))
    return graph.requantized(graph.one("Add", flat, graph.name(matrix.bias)), matrix)


def _argument(graph: IntegerGraph, x: Tensor) -> str:
    """The table's argument; see `ops.Logistic`."""
    assert x.scale is not None
    name = graph.name(x)
    if x.scale.mantissa != 1:
        shift = x.scale.exponent + 27
        assert x.scale == preactivation_scale(shift), "no scale of a table's argument"
        return graph.one("Mul", name, graph.constant(1 << shift))
    cell_shift = x.scale.exponent + 15
    assert 0 <= cell_shift < 3, "no scale of a table's argument"
    tripled = graph.one("Add", graph.one("Mul", name, graph.constant(3)), graph.constant(1 << (2 - cell_shift)))
    return graph.shifted(tripled, 3 - cell_shift)


def _curve(fraction_bits: int, full: int, offset: int, zero: int, final_shift: int) -> Emitter:
    """Return the printer of a curve that the 256-entry table holds: `compute_sigmoid_q15` and `compute_tanh_q15`."""

    def emit(graph: IntegerGraph, operator: Operator) -> str:
        argument = _argument(graph, operator.inputs[0])
        magnitude, step = graph.one("Abs", argument), graph.constant(1 << fraction_bits)
        index = graph.one("Min", graph.one("Div", magnitude, step), graph.constant(254))
        table = graph.stored(SIGMOID_TABLE.astype(np.uint16))
        left = graph.one("Gather", table, index)
        right = graph.one("Gather", table, graph.one("Add", index, graph.constant(1)))
        slope = graph.one("Mul", graph.one("Mod", magnitude, step), graph.one("Sub", right, left))
        between = graph.one("Add", graph.one("Mul", left, step), slope)
        inside = graph.one("Less", magnitude, graph.constant(255 << fraction_bits))
        value = graph.one("Where", inside, between, graph.constant(full))
        half = 1 << (final_shift - 1)
        above = graph.one("Add", value, graph.constant(half - offset))
        below = graph.one("Sub", graph.constant(zero + half - 1), value)
        negative = graph.one("Less", argument, graph.constant(0))
        return graph.shifted(graph.one("Where", negative, below, above), final_shift)

    return emit


def _multiply(graph: IntegerGraph, operator: ops.Multiply) -> str:
    product = graph.one("Mul", *(graph.name(tensor) for tensor in operator.inputs))
    if operator.output.dtype != "int16":
        return product
    half = (1 << (operator.shift - 1)) + 1
    rounded = graph.one("Add", product, graph.by_sign(product, half - 2, half))
    return graph.saturated(graph.shifted(rounded, operator.shift))


def _sum(op: str) -> Emitter:
    def emit(graph: IntegerGraph, operator: Operator) -> str:
        result = graph.one(op, *(graph.name(tensor) for tensor in operator.inputs))
        return graph.saturated(result) if operator.output.dtype == "int16" else result

    return emit


def _widen(graph: IntegerGraph, operator: ops.Widen) -> str:
    (x,) = operator.inputs
    centred = graph.one("Sub", graph.name(x), graph.constant(x.zero_point))
    return graph.one("Mul", centred, graph.constant(1 << operator.shift))


def _narrow(graph: IntegerGraph, operator: ops.Narrow) -> str:
    x = graph.name(operator.inputs[0])
    return graph.saturated(graph.shifted(graph.one("Add", x, graph.by_sign(x, 127, 129)), 8), -128, 127)


def _shift_left(graph: IntegerGraph, operator: ops.ShiftLeft) -> str:
    return graph.saturated(graph.one("Mul", graph.name(operator.inputs[0]), graph.constant(1 << operator.shift)))


def _shift_right(graph: IntegerGraph, operator: ops.ShiftRight) -> str:
    x, half = graph.name(operator.inputs[0]), (1 << (operator.shift - 1)) - 1
    if operator.shift == 1:
        return graph.saturated(graph.shifted(graph.one("Add", x, graph.constant(1)), 1))
    return graph.shifted(graph.one("Add", x, graph.by_sign(x, half, half + 2)), operator.shift)


def _plain(op: str, **attributes: Any) -> Emitter:
    def emit(graph: IntegerGraph, operator: Operator) -> str:
        return graph.one(op, *(graph.name(tensor) for tensor in operator.inputs), **attributes)

    return emit


def _relu(graph: IntegerGraph, operator: ops.Relu) -> str:
    return graph.one("Max", graph.name(operator.inputs[0]), graph.constant(0))


def _largest(graph: IntegerGraph, operator: ops.Largest) -> str:
    return graph.one("ReduceMax", graph.name(operator.inputs[0]), axes=[operator.axis], keepdims=1)


def _concat(graph: IntegerGraph, operator: ops.Concat) -> str:
    return graph.one("Concat", *(graph.name(tensor) for tensor in operator.inputs), axis=operator.axis)


def _split(graph: IntegerGraph, operator: ops.Split) -> list[str]:
    inputs = [graph.name(operator.inputs[0]), graph.constant(list(operator.sizes))]
    return graph.node("Split", inputs, len(operator.outputs), axis=operator.axis)


def _slice(graph: IntegerGraph, operator: ops.Slice) -> str:
    start, end = operator.start, operator.start + operator.output.shape[0]
    return graph.one("Slice", graph.name(operator.inputs[0]), graph.constant([start]), graph.constant([end]), graph.constant([0]))


def _reshape(graph: IntegerGraph, operator: ops.Reshape) -> str:
    return graph.one("Reshape", graph.name(operator.inputs[0]), graph.constant(list(operator.output.shape)))


def _same(graph: IntegerGraph, operator: Operator) -> str:
    return graph.name(operator.inputs[0])


def _floor_divide(graph: IntegerGraph, operator: ops.FloorDivide) -> str:
    return graph.whole_quotient(*(graph.name(tensor) for tensor in operator.inputs))


def _less(graph: IntegerGraph, operator: ops.Less) -> str:
    return graph.one("Cast", graph.one("Less", *(graph.name(tensor) for tensor in operator.inputs)), to=7)


def _total(graph: IntegerGraph, operator: ops.Sum) -> str:
    return graph.one("ReduceSum", graph.name(operator.inputs[0]), graph.constant([-1]), keepdims=1)


def _high_word(graph: IntegerGraph, operator: ops.HighWord) -> str:
    return graph.shifted(graph.name(operator.inputs[0]), 32)


Emitter: TypeAlias = Callable[[IntegerGraph, Any], "str | list[str]"]

EMITTERS: dict[type[Operator], Emitter] = {
    ops.FullyConnected: _fully_connected,
    ops.Depthwise: _depthwise,
    ops.Logistic: _curve(9, 32767 << 10, 0, 1 << 25, 10),
    ops.Tanh: _curve(8, 65535 << 8, 1 << 23, 1 << 23, 8),
    ops.Relu: _relu,
    ops.Multiply: _multiply,
    ops.Add: _sum("Add"),
    ops.Subtract: _sum("Sub"),
    ops.Maximum: _plain("Max"),
    ops.Minimum: _plain("Min"),
    ops.Widen: _widen,
    ops.Narrow: _narrow,
    ops.ShiftLeft: _shift_left,
    ops.ShiftRight: _shift_right,
    ops.Largest: _largest,
    ops.Transpose: _plain("Transpose", perm=[1, 0]),
    ops.Concat: _concat,
    ops.Split: _split,
    ops.Slice: _slice,
    ops.Reshape: _reshape,
    ops.Cast: _same,
    ops.FloorDivide: _floor_divide,
    ops.FloorModulo: _plain("Mod"),
    ops.Gather: _plain("Gather", axis=0),
    ops.Less: _less,
    ops.Sum: _total,
    ops.HighWord: _high_word,
}
