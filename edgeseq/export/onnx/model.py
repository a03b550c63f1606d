"""QuantGraph -> the bytes of an .onnx whose integers are the oracle's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edgeseq.errors import TargetError
from edgeseq.export.onnx.build import OPSET
from edgeseq.export.onnx.emit import IntegerGraph
from edgeseq.export.onnx.metadata import INTEGER_FORMS, Labels, describe
from edgeseq.export.operators import Port, lower
from edgeseq.quantize.types import QuantGraph

IntegerForm = Literal["step", "unrolled", "window"]
OnnxForm = Literal["step", "unrolled", "window", "float", "qdq", "dynamic"]
FORMS: tuple[OnnxForm, ...] = ("step", "unrolled", "window", "float", "qdq", "dynamic")
# What stands behind a state's name where it leaves the model.
NEW = ":new"

__all__ = ["FORMS", "NEW", "OPSET", "OnnxForm", "OnnxModel", "export_onnx"]


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A model file and its edges, states behind x and y.

    steps: time steps of one call, None where the file takes any number. operators: how many there are of each.
    """

    data: bytes
    form: OnnxForm
    steps: int | None
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[str, ...]
    operators: Mapping[str, int]


def export_onnx(
    graph: QuantGraph, form: IntegerForm = "step", steps: int | None = None, labels: Labels | None = None
) -> OnnxModel:
    """Write a model whose arithmetic is int64 throughout, so that no runtime and no optimiser rounds anything.

    step: x (1, features) and states in, y and states out. unrolled: the same for x (1, steps, features). window: no
    states, each call starts from zero. labels: told in the file's metadata. Raises TargetError where the model has no
    such form, MissingExtraError without the package onnx.
    """
    if form not in INTEGER_FORMS:
        writer = {"qdq": "export_qdq_onnx(quantized)"}.get(form, "export_float_onnx(graph)")
        raise TargetError(f"the form {form!r} is no form of integers; edgeseq.export.onnx.{writer} writes it")
    program = lower(graph, form, steps)
    builder = IntegerGraph()
    inputs = (program.x, *(Port(state.name, state.before) for state in program.states))
    outputs = (program.y, *(Port(state.name + NEW, state.after) for state in program.states))
    for port in inputs:
        builder.enter(port.tensor, port.name)
    for operator in program.operators:
        builder.emit(operator)
    for port in outputs:
        builder.leave(port.tensor, port.name)
    edges = [[builder.edge(port.name, port.tensor.dtype, port.tensor.shape) for port in ports] for ports in (inputs, outputs)]
    about = describe(graph.source, form, OPSET, labels or Labels(), quantized=graph, steps=program.steps)
    data = builder.to_bytes(graph.name, edges[0], edges[1], about)
    states = tuple(state.name for state in program.states)
    return OnnxModel(data, form, program.steps, inputs, outputs, states, builder.operators)
