"""What a file carries from one time step to the next, wherever it keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from edgeseq.doctor.tflite.file import OperatorInfo, SubgraphInfo, TfliteFile

# Through these a value stays itself, scaled or added to: h' = z * h + ... . A matrix product is no such way.
_ELEMENTWISE = frozenset(
    ("ADD", "SUB", "MUL", "RESHAPE", "QUANTIZE", "DEQUANTIZE", "SQUEEZE", "EXPAND_DIMS", "SELECT_V2", "SELECT", "STRIDED_SLICE")
)
# A chain of so many updates is a recurrence that was unrolled.
_FEWEST_UPDATES = 2


@dataclass(frozen=True, slots=True)
class State:
    """A tensor that is carried on. place: between calls, in a variable of the file, in a loop, or from step to step inside.

    steps: how many updates of it one call holds; 0 where the caller or a loop decides.
    """

    name: str
    kind: str
    place: Literal["caller", "variable", "loop", "unrolled"]
    steps: int = 0


def states(file: TfliteFile) -> tuple[State, ...]:
    """All states that are updated by gates; a plain tanh cell has none."""
    found = [*_of_caller(file.main), *_of_loops(file)]
    for graph in file.subgraphs:
        found += _of_variables(graph)
    for graph in file.subgraphs:
        found += _unrolled(graph)
    return tuple(found)


def makers(graph: SubgraphInfo) -> dict[int, OperatorInfo]:
    """Tensor number -> the operator that writes it."""
    return {number: operator for operator in graph.operators for number in operator.outputs}


def _updated(graph: SubgraphInfo, made: dict[int, OperatorInfo], before: int, after: int) -> bool:
    """Whether a tensor reaches another of its own kind and size by gates alone."""
    first, last = graph.tensor(before), graph.tensor(after)
    if first is None or last is None or before == after or first.kind != last.kind:
        return False
    if _size(first.shape) != _size(last.shape):
        return False
    waiting, seen, gated = [after], {after}, False
    while waiting:
        number = waiting.pop()
        operator = made.get(number)
        if number == before:
            return gated
        if operator is None or operator.name not in _ELEMENTWISE:
            continue
        gated = gated or operator.name in ("ADD", "MUL")
        for source in operator.inputs:
            if source >= 0 and source not in seen:
                seen.add(source)
                waiting.append(source)
    return False


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _pairs(graph: SubgraphInfo, befores: tuple[int, ...], afters: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    made = makers(graph)
    for before in befores:
        for after in afters:
            if _updated(graph, made, before, after):
                yield before, after
                break


def _of_caller(graph: SubgraphInfo) -> list[State]:
    # With a single input there is nothing beside the data that could be a state.
    if len(graph.inputs) < 2:
        return []
    pairs = _pairs(graph, graph.inputs, graph.outputs)
    return [State(graph.tensors[before].name, graph.tensors[before].kind, "caller") for before, _ in pairs]


def _of_loops(file: TfliteFile) -> list[State]:
    bodies = {
        operator.options.get("body") for graph in file.subgraphs for operator in graph.operators if operator.name == "WHILE"
    }
    found = []
    for number in sorted(body for body in bodies if isinstance(body, int) and 0 <= body < len(file.subgraphs)):
        graph = file.subgraphs[number]
        made = makers(graph)
        for before, after in zip(graph.inputs, graph.outputs, strict=False):
            # A counter is a state too, but one that is exact.
            tensor = graph.tensor(before)
            if tensor is not None and tensor.kind not in ("INT32", "INT64") and _updated(graph, made, before, after):
                found.append(State(tensor.name, tensor.kind, "loop"))
    return found


def _of_variables(graph: SubgraphInfo) -> list[State]:
    reads = tuple(operator.outputs[0] for operator in graph.operators if operator.name == "READ_VARIABLE" and operator.outputs)
    writes = tuple(
        operator.inputs[1] for operator in graph.operators if operator.name == "ASSIGN_VARIABLE" and len(operator.inputs) > 1
    )
    return [
        State(graph.tensors[before].name, graph.tensors[before].kind, "variable") for before, _ in _pairs(graph, reads, writes)
    ]


def _unrolled(graph: SubgraphInfo) -> list[State]:
    """The longest chain of h' = ADD(MUL(h, gate), ...), if it is one."""
    made = makers(graph)
    depth: dict[int, int] = {}
    last: dict[str, int] = {}
    for operator in graph.operators:  # they stand in the order they run
        if operator.name != "ADD" or not operator.outputs:
            continue
        best = 0
        for source in operator.inputs:
            product = made.get(source)
            if product is not None and product.name == "MUL":
                best = max([best, *(1 + depth[number] for number in product.inputs if number in depth)])
        number = operator.outputs[0]
        depth[number] = best
        kind = graph.tensors[number].kind if number >= 0 else ""
        if best > depth.get(last.get(kind, -2), 0):
            last[kind] = number
    return [
        State(graph.tensors[number].name, kind, "unrolled", depth[number] + 1)
        for kind, number in last.items()
        if depth[number] >= _FEWEST_UPDATES
    ]
