"""Graph -> the bytes of a float .onnx with GRU, LSTM and RNN nodes, any batch and any number of time steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from edgeseq.errors import TargetError
from edgeseq.export.onnx.build import OPSET, GraphBuilder
from edgeseq.export.onnx.metadata import Labels, describe
from edgeseq.export.onnx.model import NEW, OnnxModel
from edgeseq.export.onnx.recurrent import Packed, both_directions, pack, quantize_rows
from edgeseq.export.operators import Port, Tensor
from edgeseq.graph import (
    Activate,
    Bidirectional,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    Embedding,
    GlobalPool,
    Graph,
    Gru,
    LastStep,
    Layer,
    LayerNormalization,
    Lstm,
    Prelu,
    Residual,
    Reverse,
    SimpleRnn,
)
from edgeseq.graph.layers import PairRecurrent

_FUNCTIONS: dict[str, tuple[str, dict[str, float]]] = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "exponential": ("Exp", {}),
    "selu": ("Selu", {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "hard_sigmoid_keras2": ("HardSigmoid", {"alpha": 0.2, "beta": 0.5}),
    "hard_silu": ("HardSwish", {}),
    "softmax": ("Softmax", {"axis": -1}),
}


def export_float_onnx(graph: Graph, form: Literal["float", "dynamic"] = "float", labels: Labels | None = None) -> OnnxModel:
    """Write the float model: x (batch, time, features) in raw units, float32, both sizes open.

    States of GRU, LSTM and RNN layers are inputs (zeros start a stream) and outputs, (1, batch, units), unless the model
    needs whole windows or carries more than such states from call to call; then a call is a window. y: (batch, time,
    out), or (batch, out) of the last step where the model gives only that. labels: told in the file's metadata.

    dynamic: LSTM layers with 8-bit weights in the operator that onnxruntime has for them, everything else in floats.

    Raises TargetError for a layer or function that ONNX has no operator for, MissingExtraError without the package onnx.
    """
    if form == "dynamic":
        _check_dynamic(graph)
    writer = _Writer(graph, dynamic=form == "dynamic")
    tokens = isinstance(graph.layers[0], Embedding)
    x = Tensor((-1, -1, graph.input_size), "int64" if tokens else "float32")
    value = "x"
    if graph.normalization is not None:
        mean, std = (writer.numbers(array) for array in (graph.normalization.mean, graph.normalization.std))
        value = writer.one("Div", writer.one("Sub", value, mean), std)
    # Time comes first inside, as the recurrent operators want it.
    value = writer.chain(graph.layers, writer.one("Transpose", value, perm=[1, 0, 2]))
    size = graph.output_size
    if graph.returns_sequence:
        writer.node("Transpose", [value], ["y"], perm=[1, 0, 2])
    else:
        writer.node("Squeeze", [writer.last(value), writer.constant([0])], ["y"])
    shape: list[int | str] = ["batch", "time", size] if graph.returns_sequence else ["batch", size]
    y = Tensor((-1, -1, size) if graph.returns_sequence else (-1, size), "float32")
    inputs = [writer.edge("x", x.dtype, ["batch", "time", graph.input_size])]
    outputs = [writer.edge("y", "float32", shape)]
    ports: tuple[list[Port], list[Port]] = ([Port("x", x)], [Port("y", y)])
    for name, units in writer.states.items():
        state = Tensor((1, -1, units), "float32")
        inputs.append(writer.edge(name, "float32", [1, "batch", units]))
        outputs.append(writer.edge(name + NEW, "float32", [1, "batch", units]))
        ports[0].append(Port(name, state))
        ports[1].append(Port(name + NEW, state))
    about = describe(graph, form, OPSET, labels or Labels())
    data = writer.to_bytes(graph.name, inputs, outputs, about)
    return OnnxModel(data, form, None, tuple(ports[0]), tuple(ports[1]), tuple(writer.states), writer.operators)


def _check_dynamic(graph: Graph) -> None:
    """Raise TargetError for a model without LSTM layers, or with other recurrent ones."""
    other = [layer for layer in graph.recurrent if not isinstance(layer, Lstm)]
    if other or not graph.recurrent:
        what = f"layer {other[0].name!r} is a {type(other[0]).__name__}" if other else f"model {graph.name!r} has none"
        raise TargetError(
            f"--form dynamic: {what}; onnxruntime has a dynamically quantised operator of LSTM alone (com.microsoft "
            "DynamicQuantizeLSTM). Choose --form qdq, or step for integers bit for bit"
        )


class _Writer(GraphBuilder):
    """states: units of each state that enters and leaves, by name. streams: whether there are any. dynamic: see above."""

    def __init__(self, graph: Graph, *, dynamic: bool = False) -> None:
        super().__init__()
        self.dynamic = dynamic
        self.states: dict[str, int] = {}
        other = [layer for layer in graph.every_layer if isinstance(layer, Conv1D | DepthwiseConv1D) and layer.taps > 1]
        pooled = any(isinstance(layer, GlobalPool) for layer in graph.every_layer)
        self.streams = graph.window_reason is None and not other and not pooled

    def numbers(self, value: Any) -> str:
        """A float32 constant."""
        return self.constant(value, np.float32)

    def chain(self, layers: Sequence[Layer], value: str) -> str:
        """Layers one behind another, over (time, batch, n)."""
        for layer in layers:
            write = WRITERS.get(type(layer))
            if write is None:
                names = ", ".join(kind.__name__ for kind in WRITERS)
                raise TargetError(
                    f"layer {layer.name!r}: {type(layer).__name__} has no float ONNX operator; it has one as integers "
                    f"(--form step or window). Written as floats: {names}"
                )
            value = write(self, layer, value)
        return value

    def recurrent(self, packed: Packed, value: str, outputs: Sequence[str], states: Sequence[str]) -> None:
        """A GRU, LSTM or RNN node; states: names of those that enter, none to start from zero."""
        if not self.dynamic:
            weights = [self.numbers(array) for array in (packed.kernel, packed.recurrent, packed.bias)]
            self.node(packed.op, [value, *weights, *(["", *states] if states else [])], outputs, **packed.attributes)
            return
        codes, scales, zeros = zip(*map(quantize_rows, (packed.kernel, packed.recurrent)), strict=True)
        inputs = [value, *(self.constant(array, np.uint8) for array in codes), self.numbers(packed.bias)]
        inputs += ["", *(states or ["", ""]), ""]  # lengths, states, peepholes
        for scale, zero in zip(scales, zeros, strict=True):
            inputs += [self.numbers(scale), self.constant(zero, np.uint8)]
        self.node("DynamicQuantizeLSTM", inputs, outputs, domain="com.microsoft", **packed.attributes)

    def last(self, value: str) -> str:
        """The last time step, of an axis that stays."""
        return self.one("Slice", value, self.constant([-1]), self.constant([2**62]), self.constant([0]))

    def function(self, layer: Layer, name: str, value: str, parameters: tuple[float, ...] = ()) -> str:
        """A function of single values."""
        if name == "linear":
            return value
        if name in _FUNCTIONS:
            op, attributes = _FUNCTIONS[name]
            return self.one(op, value, **attributes)
        composed = _COMPOSED.get(name)
        if composed is None or (name == "rectified" and parameters[2]):
            raise TargetError(f"layer {layer.name!r}: the function {name!r} has no float ONNX operator; use --form step")
        return composed(self, value, *parameters)


def _cell(writer: _Writer, layer: PairRecurrent, value: str) -> str:
    packed = pack(layer)
    names = [f"{layer.name}/{letter}" for letter in ("hc" if packed.op == "LSTM" else "h")]
    outputs = [f"{layer.name}/y"]
    if writer.streams:
        writer.states |= dict.fromkeys(names, layer.units)
        outputs += [name + NEW for name in names]
    writer.recurrent(packed, value, outputs, names if writer.streams else [])
    return writer.one("Squeeze", outputs[0], writer.constant([1]))


def _dense(writer: _Writer, layer: Dense, value: str) -> str:
    product = writer.one("MatMul", value, writer.numbers(layer.kernel))
    return writer.function(layer, layer.activation, writer.one("Add", product, writer.numbers(layer.bias)))


def _activate(writer: _Writer, layer: Activate, value: str) -> str:
    return writer.function(layer, layer.function, value, layer.parameters)


def _prelu(writer: _Writer, layer: Prelu, value: str) -> str:
    return writer.one("PRelu", value, writer.numbers(layer.alpha))


def _residual(writer: _Writer, layer: Residual, value: str) -> str:
    return writer.one("Add", writer.chain(layer.body, value), writer.chain(layer.shortcut, value))


def _normalization(writer: _Writer, layer: LayerNormalization, value: str) -> str:
    given = layer.gamma if layer.gamma is not None else layer.beta
    gamma = layer.gamma if layer.gamma is not None or given is None else np.ones_like(given)
    if gamma is None:
        raise TargetError(f"layer {layer.name!r}: a layer normalisation without gamma and beta; use --form step")
    beta = [] if layer.beta is None else [writer.numbers(layer.beta)]
    return writer.one("LayerNormalization", value, writer.numbers(gamma), *beta, axis=-1, epsilon=layer.epsilon)


def _convolution(writer: _Writer, layer: Conv1D | DepthwiseConv1D, value: str) -> str:
    deep = isinstance(layer, DepthwiseConv1D)
    # Keras' (taps, inputs, units) and (taps, channels, multiplier) as ONNX' (units, inputs per group, taps).
    kernel = layer.kernel.transpose(2, 1, 0) if not deep else layer.kernel.reshape(layer.taps, -1).T[:, None]
    attributes = {
        "dilations": [layer.dilation],
        "group": layer.kernel.shape[1] if deep else 1,
        "kernel_shape": [layer.taps],
        "pads": [(layer.taps - 1) * layer.dilation, 0],
    }
    turned = writer.one("Transpose", value, perm=[1, 2, 0])
    result = writer.one("Conv", turned, writer.numbers(kernel), writer.numbers(layer.bias), **attributes)
    return writer.function(layer, layer.activation, writer.one("Transpose", result, perm=[2, 0, 1]))


def _pool(writer: _Writer, layer: GlobalPool, value: str) -> str:
    return writer.one("ReduceMean" if layer.function == "average" else "ReduceMax", value, axes=[0], keepdims=1)


def _embedding(writer: _Writer, layer: Embedding, value: str) -> str:
    inside = writer.one("Max", writer.one("Min", value, writer.constant(len(layer.table) - 1)), writer.constant(0))
    return writer.one("Squeeze", writer.one("Gather", writer.numbers(layer.table), inside), writer.constant([2]))


def _reverse(writer: _Writer, layer: Reverse, value: str) -> str:
    return writer.one(
        "Slice", value, writer.constant([-1]), writer.constant([-(2**62)]), writer.constant([0]), writer.constant([-1])
    )


def _last_step(writer: _Writer, layer: LastStep, value: str) -> str:
    return writer.last(value)


def _bidirectional(writer: _Writer, layer: Bidirectional, value: str) -> str:
    found = both_directions(layer)
    if found is not None:
        return _one_node(writer, layer, value, *found)
    halves = [writer.chain(chain, value) for chain in layer.chains]
    match layer.merge:
        case "concat":
            return writer.one("Concat", *halves, axis=2)
        case "sum":
            return writer.one("Add", *halves)
        case "mul":
            return writer.one("Mul", *halves)
        case "ave":
            return writer.one("Mul", writer.one("Add", *halves), writer.numbers(0.5))


def _one_node(writer: _Writer, layer: Bidirectional, value: str, one: PairRecurrent, two: PairRecurrent, last: bool) -> str:
    """Both directions in a node. It starts from zero states: one that came before the window's end is not known yet."""
    packed = pack(one, two)
    y, final = f"{layer.name}/y", f"{layer.name}/final"
    writer.recurrent(packed, value, ["", final] if last else [y], [])
    # Y is (time, directions, batch, units), Y_h lacks time.
    steps = writer.one("Unsqueeze", final, writer.constant([0])) if last else y
    match layer.merge:
        case "concat":
            beside = writer.one("Transpose", steps, perm=[0, 2, 1, 3])
            return writer.one("Reshape", beside, writer.constant([0, 0, one.units + two.units]))
        case "sum":
            return writer.one("ReduceSum", steps, writer.constant([1]), keepdims=0)
        case "mul":
            return writer.one("Mul", *(writer.one("Gather", steps, writer.constant(at), axis=1) for at in (0, 1)))
        case "ave":
            return writer.one("ReduceMean", steps, axes=[1], keepdims=0)


_COMPOSED: dict[str, Callable[..., str]] = {
    "silu": lambda writer, v: writer.one("Mul", v, writer.one("Sigmoid", v)),
    "mish": lambda writer, v: writer.one("Mul", v, writer.one("Tanh", writer.one("Softplus", v))),
    "gelu": lambda writer, v: writer.one(
        "Mul",
        writer.one("Mul", v, writer.numbers(0.5)),
        writer.one("Add", writer.one("Erf", writer.one("Mul", v, writer.numbers(np.sqrt(0.5)))), writer.numbers(1.0)),
    ),
    "hard_tanh": lambda writer, v: writer.one("Clip", v, writer.numbers(-1.0), writer.numbers(1.0)),
    "elu": lambda writer, v, alpha=1.0: writer.one("Elu", v, alpha=alpha),
    "celu": lambda writer, v, alpha=1.0: writer.one("Celu", v, alpha=alpha),
    "tanh_shrink": lambda writer, v: writer.one("Sub", v, writer.one("Tanh", v)),
    "log_sigmoid": lambda writer, v: writer.one("Neg", writer.one("Softplus", writer.one("Neg", v))),
    "rectified": lambda writer, v, limit, slope, _: writer.one(
        "Min", writer.one("LeakyRelu", v, alpha=slope), writer.numbers(min(limit, float(np.finfo(np.float32).max)))
    ),
}

WRITERS: dict[type[Layer], Callable[[_Writer, Any, str], str]] = {
    Gru: _cell,
    Lstm: _cell,
    SimpleRnn: _cell,
    Dense: _dense,
    Activate: _activate,
    Prelu: _prelu,
    Residual: _residual,
    LayerNormalization: _normalization,
    Conv1D: _convolution,
    DepthwiseConv1D: _convolution,
    GlobalPool: _pool,
    Embedding: _embedding,
    Reverse: _reverse,
    LastStep: _last_step,
    Bidirectional: _bidirectional,
}
