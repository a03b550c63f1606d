"""GRU, LSTM and RNN. Weights are brought to Keras' order of gates."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from edgeseq.frontend.onnx.gathered import Gathered
from edgeseq.frontend.onnx.node import Node
from edgeseq.frontend.onnx.ops.fold import Handler
from edgeseq.frontend.onnx.values import (
    Array,
    Axis,
    Constant,
    Flow,
    Part,
    RefusedError,
    Stack,
    State,
    Value,
    WrongLayoutError,
    axis_size,
)
from edgeseq.frontend.source import SourceLayer


class Kind(NamedTuple):
    """keras: its name there; order: Keras' gates as indices of ONNX' ones; functions: ONNX' defaults."""

    keras: str
    order: tuple[int, ...]
    functions: tuple[str, ...]


KINDS = {
    "GRU": Kind("GRU", (0, 1, 2), ("Sigmoid", "Tanh")),
    "LSTM": Kind("LSTM", (0, 2, 3, 1), ("Sigmoid", "Tanh", "Tanh")),
    "RNN": Kind("SimpleRNN", (0,), ("Tanh",)),
}
_NAMES = {"sigmoid": "sigmoid", "tanh": "tanh", "relu": "relu"}
DIRECTIONS = ("forward", "reverse", "bidirectional")


def recurrent(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """One or two cells over a whole window."""
    kind = KINDS[node.op]
    time, batch = cell_axes(node, node.flow())
    direction = node.text("direction", "forward")
    if direction not in DIRECTIONS:
        raise RefusedError(f"direction={direction!r}; expected one of {', '.join(DIRECTIONS)}")
    _refuse_options(node)
    count = 2 if direction == "bidirectional" else 1
    cells = _cells(node, kind, count)
    note = _initial_states(node)
    _whole_windows(node, axis_size(time))
    source = gathered.source(node.flow())
    units = cells[0][2].shape[0]
    features: Axis = (Part("feature", units),)
    inner = (time, batch, features)
    flows: list[tuple[Flow, Flow]] = []
    names = ["", ""] if count == 1 else ["/forward", "/backward"]
    for index, (config, *weights) in enumerate(cells):
        layer = SourceLayer(node.name + names[index], kind.keras, config, tuple(weights), note=note)
        if direction == "forward" or (count == 2 and index == 0):
            cell = gathered.add(layer, (source,))
            flows.append((Flow(cell, inner), Flow(cell, (batch, features), last=True)))
        else:
            turned = gathered.add(SourceLayer(f"{node.name}/reversed", "Reverse", {}), (source,))
            cell = gathered.add(layer, (turned,))
            back = gathered.add(SourceLayer(f"{node.name}/back", "Reverse", {}), (cell,))
            flows.append((Flow(back, inner), Flow(cell, (batch, features), last=True)))
    return _outputs(gathered, node, flows, (time, batch))


def _outputs(gathered: Gathered, node: Node, flows: list[tuple[Flow, Flow]], axes: tuple[Axis, Axis]) -> tuple[Value, ...]:
    """Y, Y_h and Y_c with the axes that ONNX gives them."""
    time, batch = axes
    batch_first = node.integer("layout", 0) == 1
    features = flows[0][0].axes[-1]
    directions: Axis = (Part("direction", 2),) if len(flows) == 2 else ()
    every = (batch, time, directions, features) if batch_first else (time, directions, batch, features)
    final = (batch, directions, features) if batch_first else (directions, batch, features)
    if len(flows) == 1:
        (sequence, last) = flows[0]
        values: tuple[Value, ...] = (Flow(sequence.layer, every), Flow(last.layer, final, last=True))
    else:
        names = [f"{node.name}/directions", f"{node.name}/final"]
        gathered.halves[names[0]] = (flows[0][0], flows[1][0])
        gathered.halves[names[1]] = (flows[0][1], flows[1][1])
        values = (Flow(names[0], every), Flow(names[1], final))
    return (*values, State(node.name, entering=False))


def cell_axes(node: Node, flow: Flow) -> tuple[Axis, Axis]:
    """(time, batch) of what a cell reads; the guess of the input's axes is wrong where they lie otherwise."""
    if len(flow.axes) != 3:
        raise RefusedError(f"reads a tensor of {len(flow.axes)} axes; expected time, batch and features")
    batch_first = node.integer("layout", 0) == 1
    time, batch = (flow.axes[1], flow.axes[0]) if batch_first else (flow.axes[0], flow.axes[1])
    for axis, role in ((time, "time"), (batch, "batch"), (flow.axes[2], "feature")):
        if any(part.role != role and part.size > 1 for part in axis):
            raise WrongLayoutError(
                f"node {node.name!r} ({node.op}) reads {', '.join(_named(axis) for axis in flow.axes)}; expected time, batch and "
                "features. Its input must be (batch, time, features) or (time, batch, features)"
            )
    if flow.last:
        raise RefusedError("the layer before hands on its last step alone; hand on all steps")
    return time, batch


def _named(axis: Axis) -> str:
    return " x ".join(part.role for part in axis) or "an axis of size 1"


def _refuse_options(node: Node) -> None:
    if node.number("clip", 0.0):
        raise RefusedError(f"clip={node.number('clip', 0.0):g} limits what enters the gates; export without it")
    if node.integer("input_forget", 0):
        raise RefusedError("input_forget=1 couples input and forget gate; only the LSTM with both is supported")
    if node.has(7) and np.any(node.constant(7)):
        raise RefusedError("peephole weights have no integer form; use the LSTM without them")


def _cells(node: Node, kind: Kind, count: int) -> list[tuple[Any, ...]]:
    """(config, kernel, recurrent kernel, bias) of each direction, as Keras has them."""
    gates = len(kind.order)
    kernels, recurrents = node.weights(1), node.weights(2)
    units = kernels.shape[1] // gates if kernels.ndim == 3 else 0
    stated = node.integer("hidden_size", units)
    features = axis_size(node.flow().axes[2])
    expected = ((count, gates * stated, features), (count, gates * stated, stated))
    if (kernels.shape, recurrents.shape) != expected or stated < 1:
        raise RefusedError(f"weights {kernels.shape} and {recurrents.shape}; expected {expected[0]} and {expected[1]}")
    biases = node.weights(3) if node.has(3) else np.zeros((count, 2 * gates * units))
    if biases.shape != (count, 2 * gates * units):
        raise RefusedError(f"bias {biases.shape}; expected {(count, 2 * gates * units)}")
    functions = _functions(node, kind, count)
    after = node.op == "GRU" and bool(node.integer("linear_before_reset", 0))
    cells = []
    for index in range(count):
        own, recurrent_bias = np.split(biases[index], 2)
        both = np.stack([_ordered(own, kind), _ordered(recurrent_bias, kind)])
        bias = both if after else both.sum(0)
        config = {"units": units, "return_sequences": True, **functions[index]}
        if node.op == "GRU":
            config["reset_after"] = after
        cells.append((config, _ordered(kernels[index], kind).T, _ordered(recurrents[index], kind).T, bias))
    return cells


def _ordered(rows: Array, kind: Kind) -> Array:
    """Blocks of rows in Keras' order."""
    blocks = np.split(rows, len(kind.order))
    return np.concatenate([blocks[at] for at in kind.order])


def _functions(node: Node, kind: Kind, count: int) -> list[dict[str, str]]:
    """The functions of each direction by Keras' names."""
    given = node.attributes.get("activations") or [name.encode() for name in kind.functions] * count
    names = [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in given]
    if len(names) != len(kind.functions) * count:
        raise RefusedError(f"{len(names)} activations; expected {len(kind.functions) * count}")
    alphas, betas = (list(node.attributes.get(f"activation_{letter}", [])) for letter in ("alpha", "beta"))
    found = [_function(name, alphas, betas) for name in names]
    each = len(kind.functions)
    cells = []
    for at in range(0, len(found), each):
        mine = found[at : at + each]
        if node.op == "LSTM" and mine[1] != mine[2]:
            raise RefusedError(f"activations {', '.join(names)}: candidate and cell output differ; expected the same function")
        cells.append({"activation": mine[-1]} | ({"recurrent_activation": mine[0]} if each > 1 else {}))
    return cells


def _function(name: str, alphas: list[float], betas: list[float]) -> str:
    """Keras' name of an ONNX function; takes its parameters off the lists."""
    lower = name.lower()
    if lower in _NAMES:
        return _NAMES[lower]
    if lower in ("hardsigmoid", "affine"):
        alpha = alphas.pop(0) if alphas else (0.2 if lower == "hardsigmoid" else 1.0)
        beta = betas.pop(0) if betas else (0.5 if lower == "hardsigmoid" else 0.0)
        if lower == "affine" and (alpha, beta) == (1.0, 0.0):
            return "linear"
        if lower == "hardsigmoid" and (keras := hard_sigmoid(alpha, beta)):
            return keras
        raise RefusedError(f"{name}({alpha:g}, {beta:g}) has no integer form inside a cell")
    raise RefusedError(f"{name} has no integer form inside a cell; expected Sigmoid, Tanh, Relu, HardSigmoid or Affine(1, 0)")


def hard_sigmoid(alpha: float, beta: float) -> str | None:
    """Keras 3's or Keras 2's, by its slope."""
    if abs(beta - 0.5) > 1e-6:
        return None
    return "hard_sigmoid" if abs(alpha - 1 / 6) < 1e-6 else "hard_sigmoid_keras2" if abs(alpha - 0.2) < 1e-6 else None


def _initial_states(node: Node) -> str | None:
    """A note on states that are inputs of the model; refuse any that are not zero."""
    entering = []
    for index in (5, 6):
        value = node.inputs[index] if node.has(index) else None
        parts = value.parts if isinstance(value, Stack) else (value,)
        for part in parts:
            if isinstance(part, Constant):
                sample = part.value if any(part.value.strides) else part.value.reshape(-1)[:1]
                largest = float(np.abs(sample).max(initial=0.0))
                if largest:
                    raise RefusedError(
                        f"starts from a state of its own (values up to {largest:.3g}); edgeseq starts every stream from zeros. "
                        "Train without a learned initial state"
                    )
            elif isinstance(part, State) and part.entering:
                entering.append(part.name)
            elif part is not None:
                raise RefusedError(
                    "its initial state is computed from the data; only zeros, or an input of the model, can be one"
                )
    names = ", ".join(dict.fromkeys(repr(name) for name in entering))
    return f"{names}: the stream's own state, zero after reset" if names else None


def _whole_windows(node: Node, steps: int) -> None:
    """sequence_lens must say that every window is whole."""
    if node.has(4):
        value = node.inputs[4]
        lengths = value.value if isinstance(value, Constant) else None
        if lengths is None or lengths.size == 0 or (lengths.reshape(-1)[:1_000_000] != steps).any():
            raise RefusedError(
                "sequence_lens gives windows lengths of their own; export without it (no packed sequences): a stream has no end"
            )


CELL_HANDLERS: dict[str, Handler] = dict.fromkeys(KINDS, recurrent)
