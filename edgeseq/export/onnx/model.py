"""QuantGraph -> the bytes of an .onnx whose integers are the oracle's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from edgeseq.export.onnx.build import OPSET
from edgeseq.export.onnx.emit import IntegerGraph
from edgeseq.export.operators import Port, lower
from edgeseq.quantize.types import QuantGraph

OnnxForm = Literal["step", "unrolled", "window", "float"]
FORMS: tuple[OnnxForm, ...] = ("step", "unrolled", "window", "float")
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


def export_onnx(graph: QuantGraph, form: OnnxForm = "step", steps: int | None = None) -> OnnxModel:
    """Write a model whose arithmetic is int64 throughout, so that no runtime and no optimiser rounds anything.

    step: x (1, features) and states in, y and states out. unrolled: the same for x (1, steps, features). window: no
    states, each call starts from zero. Raises TargetError where the model has no such form, MissingExtraError without
    the package onnx.
    """
    assert form != "float", "the float form is export_float_onnx's"
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
    data = builder.to_bytes(graph.name, edges[0], edges[1], _about(graph, form, program.steps))
    states = tuple(state.name for state in program.states)
    return OnnxModel(data, form, program.steps, inputs, outputs, states, builder.operators)


def _about(graph: QuantGraph, form: OnnxForm, steps: int) -> dict[str, Any]:
    """What turns raw values into codes, exactly, and integers into real outputs."""
    gain, offset = graph.input.affine()
    return {
        "model": graph.name,
        "form": form,
        "steps": steps,
        "scheme": graph.scheme,
        "input": {
            "formula": "code = clip(floor(raw * gain + offset + 0.5)), in float32",
            "range": list(graph.input.code_range),
            "gain": [_short(value) for value in gain],
            "offset": [_short(value) for value in offset],
        },
        "output": {"scale": graph.output_scale.value, "softmax_left_out": graph.softmax},
    }


def _short(value: np.float32) -> float:
    """The shortest decimal that is this float32."""
    return float(np.format_float_scientific(value, unique=True))
