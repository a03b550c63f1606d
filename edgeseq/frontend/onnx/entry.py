"""The inputs of an ONNX graph: which one is the data, which are recurrent states, and what its axes may mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgeseq.errors import ModelError, UnsupportedModelError
from edgeseq.frontend.onnx.file import OnnxFile
from edgeseq.frontend.onnx.values import Axis, Flow, Part, Role, State, Value
from edgeseq.frontend.source import SourceLayer

INPUT = "input"
# Stand for sizes that the file leaves open: primes, so that no product of other sizes is taken for one.
UNKNOWN: dict[Role, int] = {"batch": 1_000_003, "time": 999_983}
_FLOATS, _INTEGERS = (1, 10, 11), (6, 7)  # TensorProto.DataType
_LAYOUTS: dict[tuple[int, bool], tuple[tuple[Role, ...], ...]] = {
    (3, False): (("batch", "time", "feature"), ("time", "batch", "feature"), ("batch", "feature", "time")),
    (2, False): (("time", "feature"),),
    (2, True): (("batch", "time"), ("time", "batch")),
    (1, True): (("time",),),
}
_THROUGH = ("Identity", "Cast", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Gather", "Reshape", "Split", "Expand", "Concat")


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One guess: the input layer, and the values of all inputs."""

    layer: SourceLayer
    values: dict[str, Value]


def entries(file: OnnxFile) -> Iterator[Entry]:
    """Yield the guesses, the most common layout first; refuse inputs that none can fit."""
    stored = {tensor.name for tensor in file.graph.initializer}
    inputs = [value for value in file.graph.input if value.name not in stored]
    states = _state_inputs(file)
    data = [value for value in inputs if value.name not in states]
    if len(data) != 1:
        names = ", ".join(repr(value.name) for value in data) or "none"
        raise UnsupportedModelError(
            f"{file.origin}: the model has {len(data)} inputs ({names}) besides recurrent states; expected one, of shape "
            "(batch, time, features)"
        )
    main = data[0]
    sizes, integers = _shape(file, main)
    found = False
    for roles in _LAYOUTS.get((len(sizes), integers), ()):
        features = next((size for role, size in zip(roles, sizes, strict=True) if role == "feature"), 1)
        if features is None:
            continue
        axes: tuple[Axis, ...] = tuple(
            (Part(role, size if size is not None else UNKNOWN.get(role, 1)),) for role, size in zip(roles, sizes, strict=True)
        )
        steps = next(size for role, size in zip(roles, sizes, strict=True) if role == "time")
        # A model of one step keeps its state outside: it is a stream.
        steps = None if steps == 1 else steps
        shape = [None, steps] if integers else [None, steps, features]
        layer = SourceLayer(INPUT, "InputLayer", {"batch_shape": shape})
        notes: dict[str, Value] = {name: State(name, entering=True) for name in states}
        found = True
        yield Entry(layer, {**notes, main.name: Flow(INPUT, axes)})
    if found:
        return
    if (len(sizes), integers) not in _LAYOUTS:
        raise UnsupportedModelError(
            f"{file.origin}: input {main.name!r} has the shape {_printed(sizes)}; expected (batch, time, features), or token ids "
            "(batch, time) of a whole-number type"
        )
    raise UnsupportedModelError(
        f"{file.origin}: input {main.name!r} has the shape {_printed(sizes)}, whose number of features is open; export it with "
        "a fixed last size (dynamic_axes or dynamic_shapes for batch and time alone)"
    )


def _shape(file: OnnxFile, value: Any) -> tuple[list[int | None], bool]:
    """Sizes, None where open, and whether it holds whole numbers."""
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise UnsupportedModelError(
            f"{file.origin}: input {value.name!r} states no shape; export with example inputs, so that its number of features "
            "is known"
        )
    if kind.elem_type not in (*_FLOATS, *_INTEGERS):
        raise UnsupportedModelError(
            f"{file.origin}: input {value.name!r} is of type {kind.elem_type}; expected floating point, or int32 or int64 "
            "token ids"
        )
    sizes = [dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in kind.shape.dim]
    if any(size is not None and size > 1 << 24 for size in sizes):
        raise ModelError(f"{file.origin}: input {value.name!r} has the shape {_printed(sizes)}; the file may be damaged")
    return sizes, kind.elem_type in _INTEGERS


def _printed(sizes: list[int | None]) -> str:
    return f"({', '.join('?' if size is None else str(size) for size in sizes)})"


def _state_inputs(file: OnnxFile) -> set[str]:
    """Names of the graph inputs that reach a recurrent node as its initial state alone."""
    made = {name: node for node in file.graph.node for name in node.output if name}
    wanted = [name for node in file.graph.node if node.op_type in ("GRU", "LSTM", "RNN") for name in node.input[5:7] if name]
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in made and made[name].op_type in _THROUGH:
            node = made[name]
            wanted += [key for key in (node.input if node.op_type == "Concat" else node.input[:1]) if key]
    inputs = {value.name for value in file.graph.input}
    return seen & inputs
