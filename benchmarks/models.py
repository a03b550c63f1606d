"""Models A, B, C: fidelity of the int8 scheme. What they cost: benchmarks/cores.py.

Usage: python -m benchmarks.models

Needs the models folder (see benchmarks/paths.py); writes benchmarks/results/models.json.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from benchmarks.bound import hidden_bound
from benchmarks.paths import RESULTS, shared
from edgeseq.frontend import load_model
from edgeseq.measure.comparison import sqnr_db
from edgeseq.measure.verify import verify
from edgeseq.quantize import quantize
from edgeseq.simulate.oracle import quantize_input

MODELS = ("A", "B", "C")
CELLS = ("gru", "lstm")
CORES = ("cortex-m4", "cortex-m0plus")


def measure(name: str) -> dict[str, Any]:
    """Fidelity over the 500-step stream, and mismatches on both cores."""
    folder = shared("models")
    if folder is None:
        raise FileNotFoundError("no benchmark models: set EDGESEQ_SHARED to the folder that holds models/")
    data = np.load(folder / f"{name}.npz", allow_pickle=False)
    graph = load_model(folder / f"{name}.keras")
    quantized = quantize(graph, data["calibration"])
    checked = verify(quantized, data["stream"], cores=CORES)
    codes = quantize_input(quantized.input, data["stream"])
    rounded = (codes[None].astype(np.float64) - quantized.input.zero_point) * quantized.input.scale.value
    return {
        "model": name,
        "mismatches": sum(row.mismatches for row in checked.against),
        "state_sqnr_db": checked.fidelity.state_sqnr_db,
        "bound_sqnr_db": sqnr_db(data["hidden_float64"], hidden_bound(graph.recurrent[0], rounded)[0]),
    }


def main() -> None:
    """Measure all six models."""
    rows = [measure(f"{size}_{cell}") for size in MODELS for cell in CELLS]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "models.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
