"""A Loop that holds a cell of Keras, as tf2onnx writes GRU and SimpleRNN: known by what it computes.

The loop's constants are tried as the weights of every cell; the one whose states equal the loop's own on random windows
is it. The body runs in onnx' reference evaluator, on a few steps, and only if all it holds is plain arithmetic.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeseq.frontend.handlers.chain import Chain, Refusal
from edgeseq.frontend.handlers.recurrent import gru, plain_cell
from edgeseq.frontend.onnx.file import import_onnx
from edgeseq.frontend.onnx.gathered import Gathered
from edgeseq.frontend.onnx.node import Node
from edgeseq.frontend.onnx.ops.recurrent import cell_axes
from edgeseq.frontend.onnx.values import Array, Constant, Flow, Part, RefusedError, State, Value, axis_size
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Lstm, SimpleRnn
from edgeseq.graph.reference import run_chain

_WAY_OUT = "export with torch.nn.GRU, LSTM or RNN (no Python loop over time), or hand the .keras file itself to edgeseq"
_PLAIN = frozenset(
    {
        "Add",
        "And",
        "Cast",
        "Clip",
        "Concat",
        "Constant",
        "Div",
        "Gather",
        "Gemm",
        "HardSigmoid",
        "Identity",
        "Less",
        "Max",
        "Min",
        "MatMul",
        "Mul",
        "Neg",
        "Not",
        "Relu",
        "Reshape",
        "Shape",
        "Sigmoid",
        "Slice",
        "Split",
        "Squeeze",
        "Sub",
        "Tanh",
        "Transpose",
        "Unsqueeze",
    }
)
_STEPS, _BATCH = 6, 3
_MAX_WEIGHTS = 1 << 22
# Random windows: two cells that agree on them to 1e-5 are the same function.
_CLOSE = 1e-5
_FUNCTIONS = ("tanh", "relu", "sigmoid", "linear", "hard_sigmoid", "hard_sigmoid_keras2")
_GATES = ("sigmoid", "hard_sigmoid", "hard_sigmoid_keras2", "tanh", "relu", "linear")
_READERS = {"GRU": gru, "SimpleRNN": plain_cell(SimpleRnn, 1), "LSTM": plain_cell(Lstm, 4)}


@dataclass(frozen=True, slots=True, eq=False)
class _Loop:
    """x: what the body reads of the data, by its name; pool: its constants; body: a GraphProto."""

    body: Any
    x_name: str
    x: Flow
    captured: dict[str, Array]
    carried: list[Array]
    units: int

    @property
    def pool(self) -> list[Array]:
        """Constants that may be weights."""
        arrays = [*self.carried, *self.captured.values()]
        return [array for array in arrays if array.dtype.kind == "f" and array.ndim in (1, 2) and any(array.strides)]


def loop(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Read a loop as the cell that it computes."""
    found = _understood(gathered, node)
    time, batch = cell_axes(node, found.x)
    steps = min(_STEPS, axis_size(time))
    x = np.random.default_rng(0).normal(0, 1, (steps, _BATCH, axis_size(found.x.axes[2]))).astype(np.float32)
    results = _run(node, found, x)
    layer, states = _recognised(node, found, x, results)
    name = gathered.add(layer, (gathered.source(found.x),))
    features = (Part("feature", found.units),)
    values: list[Value] = []
    for result in results:
        if result.shape == states.shape and np.abs(result - states).max() < _CLOSE:
            values.append(Flow(name, (time, batch, features)))
        elif result.shape == states.shape[1:] and np.abs(result - states[-1]).max() < _CLOSE:
            values.append(Flow(name, (batch, features), last=True))
        else:
            values.append(State(node.name, entering=False))
    return tuple(values)


def _understood(gathered: Gathered, node: Node) -> _Loop:
    body = node.attributes.get("body")
    if body is None or not hasattr(body, "node"):
        raise RefusedError("a loop without a body; the file may be damaged, export the model again")
    strange = sorted({inner.op_type for inner in body.node if inner.op_type not in _PLAIN or inner.domain})
    if strange:
        raise RefusedError(f"a loop over {', '.join(strange[:4])}, which is no cell of Keras; {_WAY_OUT}")
    made = {name for inner in body.node for name in inner.output} | {value.name for value in body.input}
    made |= {tensor.name for tensor in body.initializer}
    outer = dict.fromkeys(name for inner in body.node for name in inner.input if name and name not in made)
    x_name, x, captured = _outside(gathered, outer)
    carried, units = _carried(node)
    if not units or sum(array.size for array in (*carried, *captured.values())) > _MAX_WEIGHTS:
        raise RefusedError(f"carries no state of zeros that a cell starts from, or too many values; {_WAY_OUT}")
    return _Loop(body, x_name, x, captured, carried, units)


def _outside(gathered: Gathered, outer: dict[str, None]) -> tuple[str, Flow, dict[str, Array]]:
    """(name, value) of the data that the body reads, and the constants that it reads without carrying them."""
    flows: dict[str, Flow] = {}
    captured: dict[str, Array] = {}
    for name in outer:
        value = gathered.values.get(name)
        if isinstance(value, Flow):
            flows[name] = value
        elif isinstance(value, Constant):
            captured[name] = value.value
        else:
            raise RefusedError(f"its body reads {name!r}, which is neither data nor known; {_WAY_OUT}")
    if len(flows) != 1:
        raise RefusedError(f"its body reads {len(flows)} tensors of the data; expected one; {_WAY_OUT}")
    name, x = next(iter(flows.items()))
    return name, x, captured


def _carried(node: Node) -> tuple[list[Array], int]:
    """What goes round the loop, states of zeros for a few windows, and the number of units."""
    carried: list[Array] = []
    units = 0
    for index in range(2, len(node.inputs)):
        value = node.constant(index)
        if value.ndim == 2 and value.size > 1 and not any(value.strides):
            if value.flat[0]:
                raise RefusedError("starts from a state that is not zero; edgeseq starts every stream from zeros")
            units = value.shape[1]
            value = np.broadcast_to(np.float32(0), (_BATCH, units))
        carried.append(value)
    return carried, units


def _run(node: Node, found: _Loop, x: Array) -> list[Array]:
    """What the loop itself gives for x, (steps, batch, features)."""
    onnx = import_onnx()
    from onnx.reference import ReferenceEvaluator

    helper = onnx.helper
    names = [f"carried_{index}" for index in range(len(found.carried))]
    arrays = {"steps": np.array(len(x), np.int64), "go": np.array(1, np.bool_)}
    arrays |= dict(zip(names, found.carried, strict=True)) | found.captured
    outputs = [f"result_{index}" for index in range(node.outputs)]
    graph = helper.make_graph(
        [helper.make_node("Loop", ["steps", "go", *names], outputs, body=found.body)],
        "loop",
        [helper.make_tensor_value_info(found.x_name, onnx.TensorProto.FLOAT, x.shape)],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [onnx.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", node.opset)])
    try:
        results = ReferenceEvaluator(model).run(None, {found.x_name: x})
    except Exception as error:
        raise RefusedError(f"its body cannot be computed ({str(error)[:120]}); {_WAY_OUT}") from error
    # The evaluator joins what the steps give along their first axis; ONNX stacks it along a new one.
    joined, stacked = (len(x) * _BATCH, found.units), (len(x), _BATCH, found.units)
    return [np.reshape(result, stacked) if np.shape(result) == joined else np.asarray(result) for result in results]


def _recognised(node: Node, found: _Loop, x: Array, results: list[Array]) -> tuple[SourceLayer, Array]:
    """The cell with the loop's states, and those states, (steps, batch, units)."""
    windows = x.transpose(1, 0, 2).astype(np.float64)
    wanted = (len(x), _BATCH, found.units)
    sequences = [result for result in results if result.shape == wanted]
    finals = [result for result in results if result.shape == wanted[1:]]
    for layer in _candidates(node, found, x.shape[2]):
        chain = Chain(features=x.shape[2], keras_major=3)
        if isinstance(_READERS[layer.class_name](layer, chain), Refusal):
            continue
        states = run_chain(chain.layers, windows).transpose(1, 0, 2)
        given = [np.abs(result - states).max() for result in sequences] + [np.abs(result - states[-1]).max() for result in finals]
        if given and min(given) < _CLOSE:
            return layer, states
    raise RefusedError(f"a loop that computes none of Keras' GRU, LSTM and SimpleRNN; {_WAY_OUT}")


def _candidates(node: Node, found: _Loop, features: int) -> Iterator[SourceLayer]:
    """Every cell that the constants could be the weights of."""
    units, pool = found.units, [np.asarray(array, np.float64) for array in found.pool]
    for name, gates, forms in (("GRU", 3, (True, False)), ("LSTM", 4, (None,)), ("SimpleRNN", 1, (None,))):
        width = gates * units
        kernels = [array for array in pool if array.shape == (features, width)]
        recurrents = [array for array in pool if array.shape == (units, width)]
        for form, (kernel, recurrent) in itertools.product(forms, itertools.product(kernels, recurrents)):
            shape = (2, width) if form else (width,)
            biases = [array.reshape(shape) for array in pool if array.size == width * (2 if form else 1) and array is not kernel]
            for bias in (*biases, np.zeros(shape)):
                for gate, function in itertools.product(_GATES if gates > 1 else ("",), _FUNCTIONS):
                    config: dict[str, Any] = {"units": units, "return_sequences": True, "activation": function}
                    config |= {"recurrent_activation": gate} if gate else {}
                    config |= {} if form is None else {"reset_after": form}
                    yield SourceLayer(
                        node.name, name, config, (kernel, recurrent, bias), note="a loop with the results of this cell"
                    )
