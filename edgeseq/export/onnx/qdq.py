"""QuantGraph -> an .onnx of QuantizeLinear and DequantizeLinear, for compilers of mobile chips and accelerators.

The operators are the oracle's, in reals: wherever it stores an int8 or int16 tensor, a pair of QuantizeLinear and
DequantizeLinear of the same scale stands. A compiler folds such pairs into integer operators of its own; what it, or
onnxruntime, then rounds otherwise is an error that can be measured, never zero by construction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.arith.matmul import weight_scales
from edgeseq.errors import TargetError
from edgeseq.export.onnx.build import GraphBuilder
from edgeseq.export.onnx.metadata import Labels, describe
from edgeseq.export.onnx.model import NEW, OnnxModel
from edgeseq.export.operators import Port, lower
from edgeseq.export.operators import types as ops
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.types import Operator, Tensor
from edgeseq.quantize.types import (
    QuantBidirectional,
    QuantDelay,
    QuantDense,
    QuantFastGrnn,
    QuantGraph,
    QuantGru,
    QuantInput,
    QuantLastStep,
    QuantLayer,
    QuantLstm,
    QuantMgu,
    QuantMinGru,
    QuantRelu,
    QuantResidual,
    QuantReverse,
    QuantSimpleRnn,
    QuantWiden,
)

# The oldest with int16 in QuantizeLinear; its IR version is that of onnx 1.16.
QDQ_OPSET, QDQ_IR_VERSION = 21, 10
# Layers whose integers all stand for reals. The others compute on codes: tables, counts, roots.
QDQ_LAYERS: tuple[type[QuantLayer], ...] = (
    *(QuantGru, QuantLstm, QuantSimpleRnn, QuantMgu, QuantMinGru, QuantFastGrnn),
    *(QuantDense, QuantRelu, QuantWiden, QuantResidual, QuantDelay),
    *(QuantBidirectional, QuantReverse, QuantLastStep),
)


def export_qdq_onnx(graph: QuantGraph, labels: Labels | None = None) -> OnnxModel:
    """Write one time step, or the window that the model needs, with float32 edges in real units.

    x (1, features), or (1, steps, features), raw; y behind a softmax if the model ends in one; states as `export_onnx`
    has them, in reals. labels: told in the file's metadata. Raises TargetError for a layer that computes on codes,
    MissingExtraError without onnx.
    """
    for layer in graph.every_layer:
        if not isinstance(layer, QDQ_LAYERS):
            names = ", ".join(kind.__name__.removeprefix("Quant") for kind in QDQ_LAYERS)
            raise TargetError(
                f"layer {layer.name!r}: {type(layer).__name__.removeprefix('Quant')} computes on codes, which QuantizeLinear "
                f"cannot say; it has the integer forms (--form step or window). With a QDQ form: {names}"
            )
    form: Any = "step" if graph.window_reason is None else "window"
    program = lower(graph, form, builder=_RealBuilder)
    writer = _Writer()
    inputs = [Port("x", _real(program.x.tensor)), *(Port(state.name, _real(state.before)) for state in program.states)]
    outputs = [Port("y", _real(program.y.tensor)), *(Port(state.name + NEW, _real(state.after)) for state in program.states)]
    writer.rounded(_entering(writer, graph.input), program.x.tensor)
    for state in program.states:
        writer.rounded(state.name, state.before)
    for operator in program.operators:
        EMITTERS[type(operator)](writer, operator)
    y = writer.value(program.y.tensor)
    writer.node("Softmax" if graph.softmax else "Identity", [y], ["y"], **({"axis": -1} if graph.softmax else {}))
    for state in program.states:
        writer.node("Identity", [writer.value(state.after)], [state.name + NEW])
    edges = [[writer.edge(port.name, "float32", port.tensor.shape) for port in ports] for ports in (inputs, outputs)]
    about = describe(graph.source, "qdq", QDQ_OPSET, labels or Labels(), quantized=graph, steps=program.steps)
    data = writer.to_bytes(graph.name, edges[0], edges[1], about, opset=QDQ_OPSET, ir_version=QDQ_IR_VERSION)
    states = tuple(state.name for state in program.states)
    return OnnxModel(data, "qdq", program.steps, tuple(inputs), tuple(outputs), states, writer.operators)


class _RealBuilder(Builder):
    """A halved tensor is the same reals in coarser steps; how the oracle rounds them needs codes."""

    def halve(self, x: Tensor) -> Tensor:
        return self.shift_right(x, 1)


def _real(tensor: Tensor) -> Tensor:
    return Tensor(tensor.shape, "float32")


def _entering(writer: _Writer, entry: QuantInput) -> str:
    """Raw values in the units of the input's codes, inside their range."""
    value = "x"
    if np.any(entry.mean != 0):
        value = writer.one("Sub", value, writer.numbers(entry.mean))
    if np.any(entry.std != 1):
        value = writer.one("Div", value, writer.numbers(entry.std))
    if entry.dtype == "int16":  # int8 codes fill their type, these do not
        low, high = (writer.numbers(code * entry.scale.value) for code in entry.code_range)
        value = writer.one("Clip", value, low, high)
    return value


class _Writer(GraphBuilder):
    """Names of the tensors' reals, each with the tensor whose type and scale it was rounded to."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[int, tuple[str, Tensor]] = {}
        self._kept: list[Tensor] = []  # an id is a tensor's own only while the tensor lives
        self._stored: dict[tuple[str, bytes], str] = {}

    def numbers(self, value: Any) -> str:
        """A float32 constant."""
        return self.constant(value, np.float32)

    def value(self, tensor: Tensor) -> str:
        """Name of a tensor's reals."""
        return self._known(tensor)[0]

    def codes(self, tensor: Tensor) -> Tensor:
        """What has the type and scale of the integers that a DequantizeLinear made the tensor's reals from."""
        return self._known(tensor)[1]

    def _known(self, tensor: Tensor) -> tuple[str, Tensor]:
        if id(tensor) not in self._names:
            assert tensor.data is not None, "a tensor is read before an operator makes it"
            assert tensor.scale is not None
            self.keep(tensor, self.numbers(tensor.data.astype(np.float64) * tensor.scale.value), tensor)
        return self._names[id(tensor)]

    def keep(self, tensor: Tensor, name: str, codes: Tensor) -> None:
        """Remember a tensor's name."""
        self._kept.append(tensor)
        self._names[id(tensor)] = (name, codes)

    def rounded(self, value: str, tensor: Tensor, codes: Tensor | None = None) -> None:
        """Make a tensor of a value, as its own type and scale hold it, or those of codes."""
        wanted = codes or tensor
        assert wanted.scale is not None
        arguments = [self.numbers(wanted.scale.value), self.constant(wanted.zero_point, wanted.dtype)]
        self.keep(tensor, self.one("DequantizeLinear", self.one("QuantizeLinear", value, *arguments), *arguments), wanted)

    def stored(self, codes: npt.NDArray[Any], scales: npt.NDArray[np.float64]) -> str:
        """Rows of a constant, each with a scale of its own."""
        key = (self.constant(codes, codes.dtype), scales.tobytes())
        if key not in self._stored:
            self._stored[key] = self.one("DequantizeLinear", key[0], self.numbers(scales), axis=0)
        return self._stored[key]


def _fully_connected(writer: _Writer, operator: ops.FullyConnected) -> None:
    (x,), matrix, out = operator.inputs, operator.matrix, operator.output
    codes = writer.codes(x).scale
    assert matrix.multiplier is not None
    assert matrix.bias.data is not None
    assert x.scale is not None
    assert out.scale is not None
    assert codes is not None
    scales = weight_scales(matrix.multiplier, matrix.shift, x.scale, out.scale)
    weight = writer.stored(np.asarray(matrix.weight.data), scales)
    # Compilers take a bias to be in steps of input times weight; the oracle's is in half of them where operands are doubled.
    steps = np.rint(matrix.bias.data.astype(np.float64) * (x.scale.value / codes.value)).astype(np.int32)
    bias = writer.stored(steps, scales * codes.value)
    writer.rounded(writer.one("Gemm", writer.value(x), weight, bias, transB=1), out)


def _computed(op: str) -> Emitter:
    def emit(writer: _Writer, operator: Operator) -> None:
        writer.rounded(writer.one(op, *map(writer.value, operator.inputs)), operator.output)

    return emit


def _same(writer: _Writer, operator: Operator) -> None:
    (x,) = operator.inputs
    writer.keep(operator.output, writer.value(x), writer.codes(x))


def _coarser(writer: _Writer, operator: Operator) -> None:
    writer.rounded(writer.value(operator.inputs[0]), operator.output)


def _concat(writer: _Writer, operator: ops.Concat) -> None:
    writer.rounded(writer.one("Concat", *map(writer.value, operator.inputs), axis=operator.axis), operator.output)


# What moves values is rounded to the codes that they have already, because compilers look for an operator between both nodes.
def _split(writer: _Writer, operator: ops.Split) -> None:
    (x,) = operator.inputs
    inputs = [writer.value(x), writer.constant(list(operator.sizes))]
    for name, part in zip(writer.node("Split", inputs, len(operator.outputs), axis=operator.axis), operator.outputs, strict=True):
        writer.rounded(name, part, writer.codes(x))


def _slice(writer: _Writer, operator: ops.Slice) -> None:
    (x,) = operator.inputs
    bounds = ([operator.start], [operator.start + operator.output.shape[0]], [0])
    writer.rounded(writer.one("Slice", writer.value(x), *map(writer.constant, bounds)), operator.output, writer.codes(x))


def _reshape(writer: _Writer, operator: ops.Reshape) -> None:
    (x,), out = operator.inputs, operator.output
    if x.scale != out.scale:  # the same codes, said to be worth more or less
        assert x.scale is not None
        assert out.scale is not None
        writer.rounded(writer.one("Mul", writer.value(x), writer.numbers(out.scale.value / x.scale.value)), out)
        return
    writer.rounded(writer.one("Reshape", writer.value(x), writer.constant(list(out.shape))), out, writer.codes(x))


Emitter: TypeAlias = Callable[[_Writer, Any], None]

EMITTERS: dict[type[Operator], Emitter] = {
    ops.FullyConnected: _fully_connected,
    ops.Logistic: _computed("Sigmoid"),
    ops.Tanh: _computed("Tanh"),
    ops.Relu: _computed("Relu"),
    ops.Multiply: _computed("Mul"),
    ops.Add: _computed("Add"),
    ops.Subtract: _computed("Sub"),
    ops.Widen: _same,
    ops.ShiftLeft: _same,
    ops.Narrow: _coarser,
    ops.ShiftRight: _coarser,
    ops.Concat: _concat,
    ops.Split: _split,
    ops.Slice: _slice,
    ops.Reshape: _reshape,
}
