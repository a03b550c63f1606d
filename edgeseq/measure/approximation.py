"""How far .onnx forms that a runtime computes in floats are from what they stand for: measured on data, never assumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.export.onnx import OnnxModel, export_float_onnx, export_qdq_onnx
from edgeseq.graph import Graph
from edgeseq.graph.reference import forward
from edgeseq.measure.comparison import sqnr_db
from edgeseq.measure.onnx_runner import open_session
from edgeseq.quantize.types import QuantGraph, QuantRecurrent
from edgeseq.simulate import Oracle, OracleRun
from edgeseq.simulate.oracle import dequantize_output, quantize_input

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Approximation:
    """An approximate form beside what it stands for, over `steps` time steps.

    against: the oracle, or the float model. state_sqnr_db: of all hidden states, None where the file carries none;
    output_max_abs: largest difference of an output, in real units; output_max_lsb: the same in steps of the integer output.
    """

    name: str
    against: str
    steps: int
    state_sqnr_db: float | None
    output_max_abs: float
    output_max_lsb: float | None


def measure_qdq(graph: QuantGraph, x: FloatArray, oracle: OracleRun | None = None) -> Approximation:
    """The QDQ form on onnxruntime against the oracle, over raw windows (n, time, features), each from zero states.

    oracle: its run of the same windows with states. Raises MissingExtraError without onnx or onnxruntime, TargetError
    where the model has no such form, DataError for windows of another length than a window model's.
    """
    wanted = oracle or Oracle(graph, batch=len(x)).run(quantize_input(graph.input, x), keep_states=True)
    outputs, states = run_reals(export_qdq_onnx(graph), x)
    worst = float(np.abs(outputs - dequantize_output(graph, wanted.outputs[:, -outputs.shape[1] :])).max(initial=0.0))
    lsb = None if graph.softmax else worst / graph.output_scale.value
    sqnr = None
    if states:
        assert wanted.states is not None  # the oracle was asked to keep them
        sqnr = _of_states(states, _hidden(graph, wanted.states))
    return Approximation("onnx-qdq", "the oracle", x.shape[0] * x.shape[1], sqnr, worst, lsb)


def measure_float(graph: Graph, x: FloatArray, form: Any) -> Approximation:
    """A form of `export_float_onnx` on onnxruntime against the float64 reference, step by step where it carries states."""
    model = export_float_onnx(graph, form)
    names = [layer.name for layer in graph.recurrent]
    reference = forward(graph, x, keep_hidden=names)
    outputs, states = run_reals(model, x)
    worst = float(np.abs(outputs - reference.outputs[:, -outputs.shape[1] :]).max(initial=0.0))
    sqnr = _of_states(states, {f"{name}/h": reference.hidden[name] for name in names}) if states else None
    return Approximation(f"onnx-{form}", "the float model", x.shape[0] * x.shape[1], sqnr, worst, None)


def run_reals(model: OnnxModel, x: FloatArray) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Outputs (n, steps, out) and states by name (n, steps, values) of a model with edges in reals.

    Windows run one after another, from zero states; step by step where the model carries states.
    """
    session = open_session(model.data)
    entry, *carried = model.inputs
    kind = np.dtype(entry.tensor.dtype)
    outputs, states = [], []
    for window in x.astype(kind):
        feeds = {port.name: np.zeros(np.abs(port.tensor.shape), np.float32) for port in carried}
        made, kept = [], []
        for chunk in window[:, None] if carried or model.steps == 1 else window[None]:
            shaped = (
                chunk.reshape(-1, entry.tensor.units) if len(entry.tensor.shape) == 2 else chunk.reshape(1, -1, chunk.shape[-1])
            )
            y, *after = session.run(None, {entry.name: shaped, **feeds})
            feeds = dict(zip(feeds, after, strict=True))
            made.append(y.reshape(-1, y.shape[-1]))
            kept.append([value.ravel() for value in after])
        outputs.append(np.concatenate(made))
        states.append(kept)
    named = {name: np.stack([[step[at] for step in window] for window in states]) for at, name in enumerate(model.states)}
    return np.stack(outputs).astype(np.float64), {name: value.astype(np.float64) for name, value in named.items()}


def _hidden(graph: QuantGraph, carried: npt.NDArray[np.int16]) -> dict[str, FloatArray]:
    """Real hidden states (n, time, units) of the recurrent layers, as the files name them."""
    hidden, at = {}, 0
    for layer in graph.every_layer:
        if isinstance(layer, QuantRecurrent):
            hidden[f"{layer.name}/h"] = carried[..., at : at + layer.units].astype(np.float64) * layer.out_scale.value
        at += layer.carried_values
    return hidden


def _of_states(got: dict[str, FloatArray], wanted: dict[str, FloatArray]) -> float | None:
    if not wanted:
        return None
    return sqnr_db(*(np.concatenate([values[name] for name in wanted], axis=-1) for values in (wanted, got)))
