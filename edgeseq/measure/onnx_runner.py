"""An .onnx on onnxruntime against the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.errors import DataError, EmulationError, MissingExtraError
from edgeseq.export.onnx import OnnxModel, export_onnx
from edgeseq.measure.comparison import Comparison, compare
from edgeseq.measure.litert_runner import states_of_calls
from edgeseq.measure.litert_worker import LitertRun
from edgeseq.quantize.types import QuantGraph
from edgeseq.simulate import OracleRun

# onnxruntime's levels of graph optimisation, by their names there.
LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}


def run_onnx(model: OnnxModel, codes: npt.NDArray[np.integer], level: str = "all") -> LitertRun:
    """Run windows (n, time, features), each from zero states; level: one of LEVELS.

    Raises MissingExtraError without onnxruntime, DataError for windows that are no whole number of calls,
    EmulationError if the runtime refuses the file.
    """
    assert model.steps is not None  # a model of integers has a number of steps
    if codes.shape[1] % model.steps:
        raise DataError(
            f"windows of {codes.shape[1]} steps; the model takes {model.steps} at a time. Cut them to a multiple of it"
        )
    session = open_session(model.data, level)
    runs = [_window(session, model, window) for window in codes]
    return LitertRun(np.stack([run[0] for run in runs]), np.stack([run[1] for run in runs]))


def open_session(data: bytes | Path, level: str = "all") -> Any:
    """Load a model, by its bytes or the path of an .onnx or .ort, on one thread of the CPU; level: one of LEVELS."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "runtimes") from error
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[level])
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            data if isinstance(data, bytes) else str(data), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its exceptions have no class in common
        raise EmulationError(f"onnxruntime ({level}) refused the model: {' '.join(str(error).split())}") from error


def _window(session: Any, model: OnnxModel, window: npt.NDArray[np.integer]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    x, *states = model.inputs
    feeds = {port.name: np.zeros(port.tensor.shape, port.tensor.dtype) for port in states}
    outputs, kept = [], []
    for chunk in window.reshape(-1, *x.tensor.shape):
        y, *after = session.run(None, {**feeds, x.name: chunk})
        outputs.append(y.reshape(-1, y.shape[-1]))
        feeds = {port.name: value for port, value in zip(states, after, strict=True)}
        kept.append(np.concatenate([np.empty(0, np.int64), *(value.ravel() for value in after)]))
    return np.concatenate(outputs), np.stack(kept)


def compare_onnx(graph: QuantGraph, codes: npt.NDArray[np.integer], oracle: OracleRun) -> list[Comparison]:
    """The form that streams, or the window, at every level of optimisation, against the oracle's run, states included."""
    form: Any = "step" if graph.window_reason is None else "window"
    model = export_onnx(graph, form)
    assert model.steps is not None  # of integers
    rows = []
    for level in LEVELS:
        got = run_onnx(model, codes, level)
        pairs: list[tuple[Any, Any]] = [(got.outputs, oracle.outputs[:, -got.outputs.shape[1] :])]
        if model.states:
            pairs.append((got.states, states_of_calls(graph, model.steps, oracle)))
        rows.append(compare(f"onnx-{form}, {level}", *zip(*pairs, strict=True)))
    return rows
