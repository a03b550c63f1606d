"""A .tflite on LiteRT and its relatives, in a process of its own, against the oracle."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeseq.errors import DataError, EmulationError
from edgeseq.measure.comparison import Comparison, compare
from edgeseq.measure.litert_worker import KERNELS, LitertRun
from edgeseq.measure.pythons import find_own, find_python
from edgeseq.quantize.types import QuantDelay, QuantGraph, QuantLayer, QuantPool
from edgeseq.simulate import OracleRun

if TYPE_CHECKING:
    from edgeseq.export.tflite import TfliteForm, TfliteModel

# Forms and kernels that `verify` runs: all kernels once, and the form whose states lie inside.
_STREAM: tuple[tuple[TfliteForm, str], ...] = (*(("step", kernels) for kernels in KERNELS), ("stateful", "default"))
_WINDOW: tuple[tuple[TfliteForm, str], ...] = tuple(("window", kernels) for kernels in KERNELS)

_WORKER = Path(__file__).with_name("litert_worker.py")


def run_litert(
    model: TfliteModel, codes: npt.NDArray[np.integer], kernels: str = "default", runtime: str = "litert"
) -> LitertRun:
    """Run windows (n, time, features), each from zero states, on LiteRT or on a runtime of `PACKAGES`.

    Raises MissingExtraError without LiteRT, TargetError without another, DataError for windows that are no whole number of
    calls, EmulationError if the runtime refuses the file or crashes.
    """
    python = find_own("ai_edge_litert") if runtime == "litert" else find_python(runtime)
    if codes.shape[1] % model.steps:
        raise DataError(
            f"windows of {codes.shape[1]} steps; the model takes {model.steps} at a time. Cut them to a multiple of it"
        )
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        folder = Path(scratch)
        (folder / "model.tflite").write_bytes(model.data)
        (folder / "edges.json").write_text(json.dumps([len(model.inputs), len(model.outputs)]))
        np.save(folder / "codes.npy", codes)
        command = [python, str(_WORKER), str(folder), kernels, runtime]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            how = f"LiteRT ({kernels} kernels)" if runtime == "litert" else runtime
            raise EmulationError(f"{how} {what_happened(done)}")
        return LitertRun(np.load(folder / "outputs.npy"), np.load(folder / "states.npy"))


def what_happened(done: subprocess.CompletedProcess[str]) -> str:
    """Why the process ended with an error: a signal, or what the runtime said."""
    if done.returncode < 0:
        return f"crashed: {signal.Signals(-done.returncode).name}"
    # What stands behind the last exception's name, on one line.
    _, _, message = done.stderr.rpartition("Error: ")
    return f"refused the model: {' '.join(message.split()) or 'no message'}"


def compare_tflite(graph: QuantGraph, codes: npt.NDArray[np.integer], oracle: OracleRun) -> list[Comparison]:
    """Every form and kernel that applies, against the oracle's run of the same windows, states included."""
    # Imported here because the schema's accessors are 180 modules.
    from edgeseq.export.tflite import export_tflite

    rows = []
    models: dict[TfliteForm, TfliteModel] = {}
    for form, kernels in _STREAM if graph.window_reason is None else _WINDOW:
        model = models.setdefault(form, models.get(form) or export_tflite(graph, form))
        got = run_litert(model, codes, kernels)
        rows.append(compare(f"tflite-{form}, {kernels} kernels", *_pairs(model, got, graph, oracle)))
    return rows


def compare_tflite_runtime(graph: QuantGraph, codes: npt.NDArray[np.integer], oracle: OracleRun) -> list[Comparison]:
    """As `compare_tflite`, on tflite-runtime: its default and its reference kernels; it has no INT4."""
    return _compare_step(graph, codes, oracle, "tflite-runtime", ("default", "reference"))


def compare_tflite_micro(graph: QuantGraph, codes: npt.NDArray[np.integer], oracle: OracleRun) -> list[Comparison]:
    """As `compare_tflite`, on TensorFlow Lite for Microcontrollers, which has one set of kernels."""
    return _compare_step(graph, codes, oracle, "tflite-micro", ("default",))


def _compare_step(
    graph: QuantGraph, codes: npt.NDArray[np.integer], oracle: OracleRun, runtime: str, kernels: tuple[str, ...]
) -> list[Comparison]:
    from edgeseq.export.tflite import export_tflite

    form: TfliteForm = "step" if graph.window_reason is None else "window"
    model = export_tflite(graph, form, wide_weights=True)
    rows = []
    for name in kernels:
        which = f", {name} kernels" if len(kernels) > 1 else ""
        got = run_litert(model, codes, name, runtime)
        rows.append(compare(f"{runtime}-{form}{which}", *_pairs(model, got, graph, oracle)))
    return rows


def _pairs(model: TfliteModel, got: LitertRun, graph: QuantGraph, oracle: OracleRun) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What was computed and what is wanted: outputs, and states where they are outside of the model."""
    outputs = oracle.outputs[:, -got.outputs.shape[1] :]
    if got.states.shape[2] == 0:
        return (got.outputs,), (outputs,)
    return (got.outputs, got.states), (outputs, states_of_calls(graph, model.steps, oracle))


def states_of_calls(graph: QuantGraph, steps: int, oracle: OracleRun) -> npt.NDArray[np.int64]:
    """The oracle's states after each call of `steps` time steps as the operators hold them, (n, calls, values)."""
    assert oracle.states is not None  # the caller asked to keep them
    carried = oracle.states[:, steps - 1 :: steps].astype(np.int64)
    parts, at = [np.empty((*carried.shape[:2], 0), np.int64)], 0
    for layer in graph.every_layer:
        parts.append(_as_states(layer, carried[..., at : at + layer.carried_values]))
        at += layer.carried_values
    return np.concatenate(parts, axis=2)


def _as_states(layer: QuantLayer, carried: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """What a layer carries in the C struct, as the operators carry it."""
    match layer:
        case QuantPool(function="max"):
            return carried & 0xFFFF
        case QuantPool():
            low, high, count = np.split(carried, [layer.size, 2 * layer.size], axis=2)
            return np.concatenate([(high << 16) + (low & 0xFFFF), count], axis=2)
        case QuantDelay():
            ring, position = carried[..., :-1], carried[..., -1:]
            if layer.dtype == "int8":
                ring = ring.astype("<i2").view(np.int8)[..., : layer.history * layer.size].astype(np.int64)
            rows = ring.reshape(*ring.shape[:2], layer.history, layer.size)
            order = (position + np.arange(layer.history)) % layer.history
            return np.take_along_axis(rows, order[..., None], axis=2).reshape(*ring.shape[:2], -1)
        case _:
            return carried
