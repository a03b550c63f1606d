"""LSTM as TFLite's fused operator beside our exact forms: bytes, time of a call, and error against the float model.

Usage: python -m benchmarks.fused [--data ecg5000,cwru,fsdd,har]

Models A, B, C over their streams; LSTM(32) trained on real data over test windows. Time: LiteRT, one thread, calls of the
three forms in turn in one process, what a user pays: inputs and states set, outputs read. Writes
benchmarks/results/fused.json; needs the models and data folders (see benchmarks/paths.py).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.accuracy import calibration_windows
from benchmarks.bench_models import SIZES
from benchmarks.paths import RESULTS, shared
from benchmarks.trained import TASKS, load_task, trained_model
from edgeseq.export.tflite import export_tflite
from edgeseq.frontend import load_model
from edgeseq.measure.process_runner import device_name
from edgeseq.measure.verify import verify
from edgeseq.quantize import QuantGraph, quantize
from edgeseq.report.as_json import fidelity
from edgeseq.simulate.oracle import quantize_input

FORMS: tuple[Any, ...] = ("step", "stateful", "fused")
# Batches of calls, the forms in turn; a figure is the median over them.
BATCHES, CALLS = 41, 100
WINDOWS = 256


def call_of(graph: QuantGraph, form: Any, codes: npt.NDArray[np.integer]) -> Callable[[], None]:
    """A function that makes CALLS calls of one step, states carried on."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=export_tflite(graph, form).data, num_threads=1)
    interpreter.allocate_tensors()
    x, *before = (detail["index"] for detail in interpreter.get_input_details())
    y, *after = (detail["index"] for detail in interpreter.get_output_details())
    states = {index: interpreter.get_tensor(index) for index in before}

    def run() -> None:
        for row in codes[:CALLS]:
            interpreter.set_tensor(x, row[None])
            for index in before:
                interpreter.set_tensor(index, states[index])
            interpreter.invoke()
            interpreter.get_tensor(y)
            for index, new in zip(before, after, strict=True):
                states[index] = interpreter.get_tensor(new)

    return run


def times(graph: QuantGraph, codes: npt.NDArray[np.integer]) -> dict[str, float]:
    """Microseconds of a call of each form, and how many times as long as the fused one's the others take."""
    calls = {form: call_of(graph, form, codes) for form in FORMS}
    took: dict[str, list[float]] = {form: [] for form in FORMS}
    for _ in range(BATCHES):
        for form, run in calls.items():
            start = time.perf_counter()
            run()
            took[form].append((time.perf_counter() - start) / CALLS * 1e6)
    row = {f"{form}_us": round(statistics.median(values), 2) for form, values in took.items()}
    for form in FORMS[:-1]:
        ratios = [one / other for one, other in zip(took[form], took["fused"], strict=True)]
        row[f"{form}_ratio"] = round(statistics.median(ratios), 2)
    return row


def measure(quantized: QuantGraph, x: npt.NDArray[np.floating]) -> dict[str, Any]:
    """Bytes and error of both."""
    checked = verify(quantized, x, formats=["tflite-fused"], host=False)
    (fused,) = checked.inexact
    sizes = {f"{form}_bytes": len(export_tflite(quantized, form).data) for form in FORMS}
    figures = {"fused": fidelity(fused.fidelity), "exact": fidelity(checked.fidelity)}
    return {"input": quantized.input.dtype, "steps": checked.steps, **sizes, **figures}


def main() -> None:
    """Measure models A, B, C and those of the data sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default=",".join(TASKS))
    names = parser.parse_args().data.split(",")
    folder = shared("models")
    if folder is None:
        raise FileNotFoundError("no benchmark models: set EDGESEQ_SHARED to the folder that holds models/")
    rows: list[dict[str, Any]] = []
    for size in SIZES:
        data = np.load(folder / f"{size}_lstm.npz", allow_pickle=False)
        quantized = quantize(load_model(folder / f"{size}_lstm.keras"), data["calibration"])
        codes = quantize_input(quantized.input, data["stream"])
        rows.append({"model": size, **measure(quantized, data["stream"]), **times(quantized, codes)})
    for name in names:
        task = load_task(name)
        quantized = quantize(load_model(trained_model(name, "lstm", 0, task)), calibration_windows(task))
        rows.append({"model": name, **measure(quantized, task.x_test[:WINDOWS])})
    (RESULTS / "fused.json").write_text(json.dumps({"device": device_name(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
