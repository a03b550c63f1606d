"""Models A and C, and an LSTM of 256 units, as .onnx of each form: bytes, time beside the float form, error.

Usage: python -m benchmarks.onnx_forms

A and C are the trained ones where the models folder is (see benchmarks/paths.py). Times are of onnxruntime on this host, one
thread, calls of all forms in turn, so that what else the host does meets them alike; the ratio is the median over rounds.
Writes benchmarks/results/onnx_forms.json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.bench_models import CELLS, SIZES, Size, bench_model, stand_in
from benchmarks.paths import RESULTS, shared
from edgeseq.export.onnx import OnnxModel, export_float_onnx, export_onnx, export_qdq_onnx
from edgeseq.graph.reference import forward
from edgeseq.measure.approximation import measure_float, measure_qdq, run_reals
from edgeseq.measure.comparison import sqnr_db
from edgeseq.measure.onnx_runner import open_session
from edgeseq.measure.verify import fidelity
from edgeseq.quantize import QuantGraph
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import quantize_input

ROUNDS, CALLS = 41, 40
LONG_CALL = 100
LARGE = Size(64, 256, 10)


def call_of(model: OnnxModel, steps: int) -> Callable[[], object]:
    """One call of so many time steps on zeros and noise."""
    session, rng = open_session(model.data), np.random.default_rng(0)
    feeds = {}
    for port in model.inputs:
        sizes = {0: 1, 1: steps} if port.name == "x" else {1: 1}
        shape = [sizes.get(axis, 1) if size < 0 else size for axis, size in enumerate(port.tensor.shape)]
        noise = rng.normal(0, 1, shape) if port.name == "x" else np.zeros(shape)
        feeds[port.name] = (np.clip(32 * noise, -128, 127) if "int" in port.tensor.dtype else noise).astype(port.tensor.dtype)
    return lambda: session.run(None, feeds)


def ratios(calls: dict[str, Callable[[], object]], base: str, count: int) -> dict[str, tuple[float, float]]:
    """Median microseconds of a call, and median over rounds of its time by the base's in the same round."""
    took: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(ROUNDS + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(count):
                call()
            if turn:  # the first round warms up
                took[name].append((time.perf_counter() - start) / count * 1e6)
    by_base = {name: float(np.median(np.array(values) / np.array(took[base]))) for name, values in took.items()}
    return {name: (float(np.median(values)), by_base[name]) for name, values in took.items()}


def measure(name: str, graph: QuantGraph, x: Any) -> list[dict[str, Any]]:
    """Every form of one model; x: one raw stream (1, steps, features)."""
    source = graph.source
    models = {"step": export_onnx(graph), "float": export_float_onnx(source), "qdq": export_qdq_onnx(graph)}
    if name.endswith("lstm"):
        models["dynamic"] = export_float_onnx(source, "dynamic")
    reference = forward(source, x, keep_hidden=[layer.name for layer in source.recurrent])
    hidden = next(iter(reference.hidden.values()))
    oracle = Oracle(graph).run(quantize_input(graph.input, x), keep_states=True)
    assert oracle.states is not None
    of_oracle = fidelity(graph, x, oracle.outputs, oracle.states)
    steps = ratios({form: call_of(model, 1) for form, model in models.items()}, "float", CALLS)
    whole = {form: call_of(model, LONG_CALL) for form, model in models.items() if form in ("float", "dynamic")}
    long = ratios(whole, "float", 4)
    rows = []
    for form, model in models.items():
        row: dict[str, Any] = {"model": name, "form": form, "bytes": len(model.data), "step_us": round(steps[form][0], 2)}
        row |= {"step_ratio": round(steps[form][1], 2), "window_ratio": round(long[form][1], 2) if form in long else None}
        if form == "step":
            row |= {"state_sqnr_db": of_oracle.state_sqnr_db, "output_max_abs": None}
        else:
            outputs, states = run_reals(model, x)
            row["state_sqnr_db"] = sqnr_db(hidden, next(iter(states.values())))
            row["output_max_abs"] = float(np.abs(outputs - reference.outputs).max())
        if form == "qdq":
            told = measure_qdq(graph, x, oracle)
            row |= {
                "oracle_sqnr_db": told.state_sqnr_db,
                "oracle_max_abs": told.output_max_abs,
                "oracle_max_lsb": told.output_max_lsb,
            }
        if form == "dynamic":
            assert measure_float(source, x, form).state_sqnr_db == row["state_sqnr_db"]
        rows.append(row)
    return rows


def main() -> None:
    """Measure five models."""
    folder = shared("models")
    rows: list[dict[str, Any]] = []
    for size in ("A", "C"):
        for cell in CELLS:
            graph = bench_model(size, cell).graph
            stream = None if folder is None else np.load(folder / f"{size}_{cell}.npz", allow_pickle=False)["stream"]
            if stream is None:
                stream = np.random.default_rng(1).normal(0, 1, (500, SIZES[size].inputs))
            rows += measure(f"{size}_{cell}", graph, np.asarray(stream, np.float64)[None])
    x = np.random.default_rng(1).normal(0, 1, (1, 200, LARGE.inputs))
    rows += measure("256_lstm", stand_in("lstm", LARGE).graph, x)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "onnx_forms.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
