"""QuantGraph -> the bytes of a .tflite."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from tflite import BuiltinOperator as Code
from tflite import TensorType

from edgeseq._version import __version__
from edgeseq.errors import TargetError
from edgeseq.export.operators import Form, Port, Program, State, Tensor, lower, lower_float
from edgeseq.export.tflite.about import Description, about_floats, about_integers
from edgeseq.export.tflite.emit import Subgraph
from edgeseq.export.tflite.file import FileRecord, Options, SignatureRecord, SubgraphRecord, TensorRecord
from edgeseq.export.tflite.fused import check_fused, write_fused
from edgeseq.graph import Graph
from edgeseq.quantize.types import QuantGraph

TfliteForm = Literal["step", "stateful", "unrolled", "window", "fused"]
# Name of the metadata buffer that holds JSON; docs/tflite.md says what is in it.
METADATA = "edgeseq"
# All but the last compute the oracle's integers.
FORMS: tuple[TfliteForm, ...] = ("step", "stateful", "unrolled", "window", "fused")
EXACT_FORMS = FORMS[:-1]


@dataclass(frozen=True, slots=True)
class TfliteModel:
    """A model file and what its signatures are called.

    steps: time steps of one call. inputs, outputs: in the order of the file, the states behind x and y. states: names
    of what a stream carries; variables inside the file if it is stateful. operators: how many there are of each.
    """

    data: bytes
    form: TfliteForm
    steps: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[str, ...]
    operators: Mapping[str, int]


def export_tflite(
    graph: QuantGraph,
    form: TfliteForm = "step",
    steps: int | None = None,
    *,
    wide_weights: bool = False,
    description: Description | None = None,
) -> TfliteModel:
    """Write a model with built-in operators alone.

    step: x (1, features) and states in, y and states out. unrolled: the same for x (1, steps, features). stateful:
    the states are variables; the signature "reset" sets them to zero. window: no states, each call starts from zero.
    steps: time steps of one call of a stateful or fused (by default 1), unrolled or window model. wide_weights: store 4-bit
    weights in int8, for runtimes without INT4 such as tflite-runtime 2.14. description: goes into the metadata.
    Raises TargetError where the model has no such form, DataError where the description is of another model.
    """
    main = Subgraph("main", wide_weights=wide_weights)
    about = {**about_integers(graph), **_described(description, graph.source)}
    if form == "fused":
        return _write_fused(graph, main, check_fused(graph, steps), about)
    program = lower(graph, _shape(form, steps), steps)
    return _write(graph.name, program, main, form, about)


def export_float_tflite(
    graph: Graph,
    form: TfliteForm = "step",
    steps: int | None = None,
    *,
    half_weights: bool = False,
    description: Description | None = None,
) -> TfliteModel:
    """Write the float model: float32, x in raw units; half_weights: matrices in float16.

    Forms as of `export_tflite`. Raises TargetError for a layer or a function that has no operators of floats.
    """
    if form == "fused":
        raise TargetError("--form fused is of integers alone; leave out --precision, or choose another --form for floats")
    program = lower_float(graph, _shape(form, steps), steps)
    main = Subgraph("main", half_weights=half_weights)
    about = about_floats(graph, "float16 weights" if half_weights else "float32") | _described(description, graph)
    return _write(graph.name, program, main, form, about)


def _described(description: Description | None, graph: Graph) -> dict[str, Any]:
    if description is None:
        return {}
    description.check(graph)
    return description.entries()


def _shape(form: TfliteForm, steps: int | None) -> Form:
    if form == "stateful":
        return "step" if steps in (None, 1) else "unrolled"
    assert form != "fused"  # it is no program of portable operators
    return form


def _write(name: str, program: Program, main: Subgraph, form: TfliteForm, about: dict[str, Any]) -> TfliteModel:
    inside = form == "stateful"
    inputs = (program.x, *(Port(state.name, state.before) for state in program.states if not inside))
    outputs = (program.y, *(Port(state.name, state.after) for state in program.states if not inside))
    states = tuple(state.name for state in program.states)
    record = _file(name, main, form, program.steps, states, about)
    if inside:
        record.subgraphs.append(_with_variables(name, program, main))
        record.signatures.append(SignatureRecord("reset", 1, {}, {}))
    else:
        for operator in program.operators:
            main.emit(operator)
    record.signatures.insert(0, _edges(main, inputs, outputs, form))
    return TfliteModel(record.to_bytes(), form, program.steps, inputs, outputs, states, main.operators)


def _write_fused(graph: QuantGraph, main: Subgraph, steps: int, about: Mapping[str, Any]) -> TfliteModel:
    x, y, states = write_fused(graph, main, steps)
    record = _file(graph.name, main, "fused", steps, states, {**about, "exact": False})
    record.signatures.append(_edges(main, (x,), (y,), "fused"))
    return TfliteModel(record.to_bytes(), "fused", steps, (x,), (y,), states, main.operators)


def _file(
    name: str, main: Subgraph, form: TfliteForm, steps: int, states: tuple[str, ...], about: Mapping[str, Any]
) -> FileRecord:
    """The file of a subgraph and its metadata, signatures to be added."""
    described = {"schema": 1, "version": __version__, "model": name, "form": form, "steps": steps, **about}
    text = json.dumps({**described, "states": list(states)}, separators=(",", ":"))
    return FileRecord(f"{name}, written by edgeseq", [main.record], [], {METADATA: text.encode()})


def _edges(graph: Subgraph, inputs: tuple[Port, ...], outputs: tuple[Port, ...], key: str) -> SignatureRecord:
    """Name the subgraph's inputs and outputs, in the order of the signature."""
    for ports, suffix in ((inputs, ""), (outputs, ":new")):
        for port in ports:
            # An interpreter's details list what the signature names; a state has a name at either end.
            graph.record.tensors[graph.number(port.tensor)].name = port.name + (suffix if port.name != "y" else "")
    graph.record.inputs = tuple(graph.number(port.tensor) for port in inputs)
    graph.record.outputs = tuple(graph.number(port.tensor) for port in outputs)
    names = {port.name: graph.number(port.tensor) for port in inputs}, {p.name: graph.number(p.tensor) for p in outputs}
    return SignatureRecord(key, 0, *names)


def _with_variables(name: str, program: Program, main: Subgraph) -> SubgraphRecord:
    """Add the operators, states in resource variables. Returns what sets these to zero: before the first call, or by hand."""
    reset = Subgraph("reset")
    main.add(Code.CALL_ONCE, (), (), Options("CallOnceOptions", (("InitSubgraphIndex", 1),)))
    for state in program.states:
        handle = _variable(main, name, state)
        main.add(Code.READ_VARIABLE, (handle,), (main.number(state.before),), Options("ReadVariableOptions"))
    for operator in program.operators:
        main.emit(operator)
    for state in program.states:
        main.add(
            Code.ASSIGN_VARIABLE, (_variable(main, name, state), main.number(state.after)), (), Options("AssignVariableOptions")
        )
        before = state.before
        zero = Tensor(before.shape, before.dtype, before.scale, data=np.zeros(before.shape, before.dtype))
        reset.add(Code.ASSIGN_VARIABLE, (_variable(reset, name, state), reset.number(zero)), (), Options("AssignVariableOptions"))
    return reset.record


def _variable(graph: Subgraph, model: str, state: State) -> int:
    """The handle of a state's variable."""
    options = Options("VarHandleOptions", (("Container", model.encode()), ("SharedName", state.name.encode())))
    graph.record.tensors.append(TensorRecord((), TensorType.RESOURCE))
    handle = len(graph.record.tensors) - 1
    graph.add(Code.VAR_HANDLE, (), (handle,), options)
    return handle
