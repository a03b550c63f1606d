"""Operators of a Program as TFLite's built-in ones, operator by operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from tflite import BuiltinOperator as Code
from tflite import Padding, TensorType

from edgeseq.export.operators import types as ops
from edgeseq.export.operators.types import Matrix, Operator, Tensor
from edgeseq.export.tflite.file import OperatorRecord, Options, Quantization, SubgraphRecord, TensorRecord

TYPES: dict[str, int] = {
    "int4": TensorType.INT4,
    "int8": TensorType.INT8,
    "int16": TensorType.INT16,
    "int32": TensorType.INT32,
    "int64": TensorType.INT64,
    "float16": TensorType.FLOAT16,
    "float32": TensorType.FLOAT32,
    "bool": TensorType.BOOL,
}
_NAMES = {code: name for name, code in vars(Code).items() if isinstance(code, int)}
# Sums and differences of int16 tensors of any scale, not of powers of two alone.
_GENERAL_SCALE = (("PotScaleInt16", False),)


class Subgraph:
    """A subgraph being written: its tensors by identity, constants once."""

    def __init__(self, name: str, *, half_weights: bool = False, wide_weights: bool = False) -> None:
        """half_weights: float matrices are stored in float16; wide_weights: those of 4 bits in int8."""
        self.record = SubgraphRecord(name)
        self._half_weights = half_weights
        self._wide_weights = wide_weights
        self._matrices: dict[Any, tuple[int, int]] = {}
        self._numbers: dict[Any, int] = {}
        self._kept: list[Tensor] = []  # an id is a tensor's own only while the tensor lives

    def number(self, tensor: Tensor) -> int:
        """The tensor's number."""
        if id(tensor) not in self._numbers:
            self._kept.append(tensor)
            scale = None if tensor.scale is None else np.array([tensor.scale.value])
            self._numbers[id(tensor)] = self.tensor(tensor.shape, tensor.dtype, scale, tensor.zero_point, tensor.data)
        return self._numbers[id(tensor)]

    def tensor(
        self,
        shape: tuple[int, ...],
        dtype: str,
        scale: npt.NDArray[np.float64] | None = None,
        zero_point: int = 0,
        data: npt.NDArray[Any] | None = None,
        axis: int = 0,
    ) -> int:
        """Add a tensor. scale: of it all, or of each place along the axis; data of int4: a number each, to be packed."""
        quantization = None if scale is None else Quantization(exact_float32(scale).tobytes(), zero_point, axis)
        content = None if data is None else little_endian(data) if dtype != "int4" else packed(data)
        self.record.tensors.append(TensorRecord(shape, TYPES[dtype], quantization, content))
        return len(self.record.tensors) - 1

    def variable(self, shape: tuple[int, ...], dtype: str, scale: npt.NDArray[np.float64], name: str) -> int:
        """A tensor that the interpreter keeps from one call to the next."""
        number = self.tensor(shape, dtype, scale)
        self.record.tensors[number].name, self.record.tensors[number].variable = name, True
        return number

    def constant(self, data: npt.NDArray[Any]) -> int:
        """A constant that no scale belongs to, such as an axis; equal ones are one tensor."""
        key = (data.dtype.name, data.shape, data.tobytes())
        if key not in self._numbers:
            self._numbers[key] = self.tensor(data.shape, data.dtype.name, data=data)
        return self._numbers[key]

    def add(
        self, code: int, inputs: tuple[int, ...], outputs: tuple[int, ...], options: Options | None = None, version: int = 1
    ) -> None:
        """Add an operator."""
        self.record.operators.append(OperatorRecord(code, version, inputs, outputs, options))

    @property
    def operators(self) -> dict[str, int]:
        """TFLite's names of the operators, and how many there are of each, the most frequent first."""
        return dict(Counter(_NAMES[operator.code] for operator in self.record.operators).most_common())

    def emit(self, operator: Operator) -> None:
        """Add a Program's operator."""
        EMITTERS[type(operator)](self, operator)

    def matrix(self, matrix: Matrix, x: Tensor, out: Tensor, *, by_channel: bool = False) -> tuple[int, int]:
        """Weight and bias of a product, once for each pair of scales around it; by_channel: as a depthwise filter."""
        key = (id(matrix.weight), id(matrix.bias), x.scale, out.scale)
        if key not in self._matrices:
            self._kept += [matrix.weight, matrix.bias]
            self._matrices[key] = self._matrix(matrix, x, out, by_channel=by_channel)
        return self._matrices[key]

    def _matrix(self, matrix: Matrix, x: Tensor, out: Tensor, *, by_channel: bool) -> tuple[int, int]:
        weight, bias = matrix.weight, matrix.bias
        assert weight.data is not None
        if matrix.multiplier is None:
            return self._float_weight(weight.data), self.tensor(bias.shape, bias.dtype, data=bias.data)
        assert x.scale is not None
        assert out.scale is not None
        # The weight scale follows from the multiplier, which it states exactly.
        scale = matrix.multiplier.astype(np.float64) * 2.0**-matrix.shift * out.scale.value / x.scale.value
        if by_channel:
            taps = weight.data.T[None, :, None]
            number = self.tensor(taps.shape, "int8", scale, 0, taps, axis=3)
        else:
            dtype = "int4" if matrix.bits == 4 and not self._wide_weights else "int8"
            number = self.tensor(weight.shape, dtype, scale, 0, weight.data)
        # int64 biases are added as integers. TFLite compares a bias' scale where one serves all rows; of others it would
        # be 4 bytes a row that nothing reads.
        declared = (scale * x.scale.value).astype(np.float32).astype(np.float64) if scale.size == 1 else None
        return number, self.tensor(bias.shape, "int64", declared, 0, bias.data)

    def _float_weight(self, data: npt.NDArray[Any]) -> int:
        if not self._half_weights:
            return self.tensor(data.shape, "float32", data=data)
        half, number = self.tensor(data.shape, "float16", data=data.astype(np.float16)), self.tensor(data.shape, "float32")
        self.add(Code.DEQUANTIZE, (half,), (number,), Options("DequantizeOptions"), 3)
        return number


def exact_float32(scale: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The scales as TFLite stores them; edgeseq's are made so that nothing is lost."""
    single = scale.astype(np.float32)
    assert np.array_equal(single.astype(np.float64), scale), "a scale is not exact in float32"
    return single


def little_endian(data: npt.NDArray[Any]) -> bytes:
    """The bytes of a constant."""
    return np.ascontiguousarray(data, data.dtype.newbyteorder("<")).tobytes()


def packed(data: npt.NDArray[Any]) -> bytes:
    """Two 4-bit values in a byte, the first one below."""
    flat = np.append(data.ravel(), np.zeros(data.size % 2, np.int8)).astype(np.uint8) & 15
    return (flat[::2] | flat[1::2] << 4).tobytes()


Emitter: TypeAlias = Callable[[Subgraph, Any], None]


def _plain(code: int, options: Options | None = None, version: int = 1) -> Emitter:
    """An operator that is one of TFLite's as it stands."""

    def emit(graph: Subgraph, operator: Operator) -> None:
        inputs = tuple(graph.number(tensor) for tensor in operator.inputs)
        graph.add(code, inputs, tuple(graph.number(tensor) for tensor in operator.outputs), options, version)

    return emit


def _fully_connected(graph: Subgraph, operator: ops.FullyConnected) -> None:
    (x,), out = operator.inputs, operator.output
    inputs = (graph.number(x), *graph.matrix(operator.matrix, x, out))
    version = 1 if operator.matrix.multiplier is None else 9
    graph.add(Code.FULLY_CONNECTED, inputs, (graph.number(out),), Options("FullyConnectedOptions"), version)


def _depthwise(graph: Subgraph, operator: ops.Depthwise) -> None:
    (x,), out, channels = operator.inputs, operator.output, operator.channels
    count, taps = x.shape[0], x.units // channels
    inputs = graph.matrix(operator.matrix, x, out, by_channel=True)
    image = graph.tensor((count, taps, 1, channels), "int16", _scale(x))
    _reshaped(graph, graph.number(x), image)
    made = graph.tensor((count, 1, 1, out.units), "int16", _scale(out))
    fields = (("Padding", Padding.VALID), ("StrideW", 1), ("StrideH", 1), ("DepthMultiplier", out.units // channels))
    graph.add(Code.DEPTHWISE_CONV_2D, (image, *inputs), (made,), Options("DepthwiseConv2DOptions", fields), 5)
    _reshaped(graph, made, graph.number(out))


def _scale(tensor: Tensor) -> npt.NDArray[np.float64]:
    assert tensor.scale is not None
    return np.array([tensor.scale.value])


def _widen(graph: Subgraph, operator: ops.Widen) -> None:
    """In steps that older runtimes know too: tflite-runtime 2.14 has no QUANTIZE from int8 to int16."""
    (x,), out = operator.inputs, operator.output
    number = graph.tensor(x.shape, "int16", _scale(x))
    graph.add(Code.CAST, (graph.number(x),), (number,), _cast_options("int8", "int16"))
    if x.zero_point:
        point = graph.tensor((1, x.units), "int16", _scale(x), data=np.full((1, x.units), x.zero_point, np.int16))
        moved = graph.tensor(x.shape, "int16", _scale(x))
        graph.add(Code.SUB, (number, point), (moved,), Options("SubOptions", _GENERAL_SCALE), 5)
        number = moved
    graph.add(Code.QUANTIZE, (number,), (graph.number(out),), Options("QuantizeOptions"))


def _cast_options(before: str, after: str) -> Options:
    return Options("CastOptions", (("InDataType", TYPES[before]), ("OutDataType", TYPES[after])))


def _concat(graph: Subgraph, operator: ops.Concat) -> None:
    options = Options("ConcatenationOptions", (("Axis", operator.axis),))
    inputs = tuple(graph.number(tensor) for tensor in operator.inputs)
    graph.add(Code.CONCATENATION, inputs, (graph.number(operator.output),), options, 3)


def _split(graph: Subgraph, operator: ops.Split) -> None:
    x, axis = graph.number(operator.inputs[0]), graph.constant(np.array(operator.axis, np.int32))
    outputs = tuple(graph.number(tensor) for tensor in operator.outputs)
    count = (("NumSplits", len(outputs)),)
    if len(set(operator.sizes)) == 1:
        graph.add(Code.SPLIT, (axis, x), outputs, Options("SplitOptions", count), 4)
    else:
        sizes = graph.constant(np.array(operator.sizes, np.int32))
        graph.add(Code.SPLIT_V, (x, sizes, axis), outputs, Options("SplitVOptions", count), 2)


def _reshape(graph: Subgraph, operator: ops.Reshape) -> None:
    _reshaped(graph, graph.number(operator.inputs[0]), graph.number(operator.output))


def _reshaped(graph: Subgraph, source: int, target: int) -> None:
    shape = graph.constant(np.array(graph.record.tensors[target].shape, np.int32))
    graph.add(Code.RESHAPE, (source, shape), (target,), Options("ReshapeOptions"))


def _slice(graph: Subgraph, operator: ops.Slice) -> None:
    shape = operator.output.shape
    begin = graph.constant(np.array([operator.start, *[0] * (len(shape) - 1)], np.int32))
    inputs = (graph.number(operator.inputs[0]), begin, graph.constant(np.array(shape, np.int32)))
    graph.add(Code.SLICE, inputs, (graph.number(operator.output),), Options("SliceOptions"), 4)


def _high_word(graph: Subgraph, operator: ops.HighWord) -> None:
    """Both halves side by side, as a little-endian machine keeps them; then the second."""
    shape = operator.output.shape
    halves = graph.tensor((*shape, 2), "int32")
    graph.add(Code.BITCAST, (graph.number(operator.inputs[0]),), (halves,))
    inputs = (halves, graph.constant(np.array(1, np.int32)))
    options = Options("GatherOptions", (("Axis", len(shape)),))
    graph.add(Code.GATHER, inputs, (graph.number(operator.output),), options)


def _reduce(code: int, version: int, axis_number: int = 0) -> Emitter:
    options = Options("ReducerOptions", (("KeepDims", True),))

    def emit(graph: Subgraph, operator: Operator) -> None:
        axis = graph.constant(np.array([axis_number], np.int32))
        graph.add(code, (graph.number(operator.inputs[0]), axis), (graph.number(operator.output),), options, version)

    return emit


def _largest(graph: Subgraph, operator: ops.Largest) -> None:
    _reduce(Code.REDUCE_MAX, 3, operator.axis)(graph, operator)


def _transpose(graph: Subgraph, operator: ops.Transpose) -> None:
    inputs = (graph.number(operator.inputs[0]), graph.constant(np.array([1, 0], np.int32)))
    graph.add(Code.TRANSPOSE, inputs, (graph.number(operator.output),), Options("TransposeOptions"), 4)


def _cast(graph: Subgraph, operator: ops.Cast) -> None:
    (x,), out = operator.inputs, operator.output
    graph.add(Code.CAST, (graph.number(x),), (graph.number(out),), _cast_options(x.dtype, out.dtype))


def _gather(graph: Subgraph, operator: ops.Gather) -> None:
    inputs = tuple(graph.number(tensor) for tensor in operator.inputs)
    version = {"int16": 4, "int8": 2}.get(operator.output.dtype, 1)
    graph.add(Code.GATHER, inputs, (graph.number(operator.output),), Options("GatherOptions"), version)


def _less(graph: Subgraph, operator: ops.Less) -> None:
    held = graph.tensor(operator.output.shape, "bool")
    graph.add(Code.LESS, tuple(graph.number(tensor) for tensor in operator.inputs), (held,), Options("LessOptions"))
    graph.add(Code.CAST, (held,), (graph.number(operator.output),), _cast_options("bool", "int32"))


def _matrix_product(graph: Subgraph, operator: ops.MatrixProduct) -> None:
    inputs = tuple(graph.number(tensor) for tensor in operator.inputs)
    options = Options("BatchMatMulOptions", (("AdjY", operator.by_rows),))
    graph.add(Code.BATCH_MATMUL, inputs, (graph.number(operator.output),), options)


_quantize = _plain(Code.QUANTIZE, Options("QuantizeOptions"))

EMITTERS: dict[type[Operator], Emitter] = {
    ops.FullyConnected: _fully_connected,
    ops.Depthwise: _depthwise,
    ops.Logistic: _plain(Code.LOGISTIC, version=3),
    ops.Tanh: _plain(Code.TANH, version=3),
    ops.Relu: _plain(Code.RELU, version=2),
    ops.Multiply: _plain(Code.MUL, Options("MulOptions"), version=4),
    ops.Add: _plain(Code.ADD, Options("AddOptions", _GENERAL_SCALE), version=3),
    ops.Subtract: _plain(Code.SUB, Options("SubOptions", _GENERAL_SCALE), version=5),
    ops.Maximum: _plain(Code.MAXIMUM, Options("MaximumMinimumOptions"), version=3),
    ops.Minimum: _plain(Code.MINIMUM, Options("MaximumMinimumOptions"), version=3),
    ops.Widen: _widen,
    ops.Narrow: _quantize,
    ops.ShiftLeft: _quantize,
    ops.ShiftRight: _quantize,
    ops.Mean: _reduce(Code.MEAN, 3),
    ops.Largest: _largest,
    ops.Transpose: _transpose,
    ops.Concat: _concat,
    ops.Split: _split,
    ops.Slice: _slice,
    ops.Reshape: _reshape,
    ops.Cast: _cast,
    ops.FloorDivide: _plain(Code.FLOOR_DIV, Options("FloorDivOptions")),
    ops.FloorModulo: _plain(Code.FLOOR_MOD, Options("FloorModOptions")),
    ops.Gather: _gather,
    ops.Less: _less,
    ops.Sum: _reduce(Code.SUM, 1, -1),
    ops.HighWord: _high_word,
    ops.Divide: _plain(Code.DIV, Options("DivOptions")),
    ops.ReciprocalRoot: _plain(Code.RSQRT),
    ops.Gelu: _plain(Code.GELU, Options("GeluOptions")),
    ops.MatrixProduct: _matrix_product,
    ops.Softmax: _plain(Code.SOFTMAX, Options("SoftmaxOptions", (("Beta", 1.0),))),
}
