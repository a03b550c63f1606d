"""Models A, B, C as .tflite: bytes of each form, how long writing takes, and mismatches on LiteRT.

Usage: python -m benchmarks.tflite

Needs the models folder (see benchmarks/paths.py); writes benchmarks/results/tflite.json.
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np

from benchmarks.models import CELLS, MODELS
from benchmarks.paths import RESULTS, shared
from edgeseq.export.tflite import TfliteModel, export_float_tflite, export_tflite
from edgeseq.frontend import load_model
from edgeseq.measure.litert_runner import states_of_calls
from edgeseq.measure.litert_worker import LitertModel
from edgeseq.quantize import QuantGraph, quantize
from edgeseq.quantize.types import SCHEMES
from edgeseq.simulate import Oracle

# Form, time steps of a call.
FORMS: dict[str, tuple[Any, int | None]] = {
    "step": ("step", None),
    "stateful": ("stateful", None),
    "unrolled 16": ("unrolled", 16),
    "window 16": ("window", 16),
}
STEPS = 10_000


def mismatches(graph: QuantGraph, model: TfliteModel, steps: int) -> int:
    """Differing outputs and states over one stream of noise that covers all input codes, or over windows of it."""
    low, high = graph.input.code_range
    codes = np.random.default_rng(0).integers(low, high + 1, (steps, graph.input_size)).astype(graph.input.dtype)
    x = codes.reshape(-1, model.steps, graph.input_size) if model.form == "window" else codes[None]
    got = LitertModel(model.data).run(x)
    wanted = Oracle(graph, batch=len(x)).run(x, keep_states=True)
    wrong = np.count_nonzero(got.outputs != wanted.outputs[:, -got.outputs.shape[1] :])
    if got.states.shape[2]:
        wrong += np.count_nonzero(got.states != states_of_calls(graph, model.steps, wanted))
    return int(wrong)


def measure(name: str) -> list[dict[str, Any]]:
    """Every form of one model by scheme, then the float ones."""
    folder = shared("models")
    if folder is None:
        raise FileNotFoundError("no benchmark models: set EDGESEQ_SHARED to the folder that holds models/")
    data = np.load(folder / f"{name}.npz", allow_pickle=False)
    graph = load_model(folder / f"{name}.keras")
    rows: list[dict[str, Any]] = []
    for scheme in SCHEMES:
        quantized = quantize(graph, data["calibration"], scheme)
        for label, (form, steps) in FORMS.items():
            start = time.perf_counter()
            model = export_tflite(quantized, form, steps)
            took = time.perf_counter() - start
            count = STEPS if form == "step" else 960
            row = {"model": name, "scheme": scheme, "form": label, "bytes": len(model.data), "seconds": round(took, 2)}
            rows.append({**row, "steps": count, "mismatches": mismatches(quantized, model, count)})
    for scheme, half in (("float32", False), ("float16", True)):
        for label, (form, steps) in FORMS.items():
            start = time.perf_counter()
            model = export_float_tflite(graph, form, steps, half_weights=half)
            took = time.perf_counter() - start
            rows.append({"model": name, "scheme": scheme, "form": label, "bytes": len(model.data), "seconds": round(took, 2)})
    return rows


def main() -> None:
    """Measure all six models."""
    rows = [row for size in MODELS for cell in CELLS for row in measure(f"{size}_{cell}")]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "tflite.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
