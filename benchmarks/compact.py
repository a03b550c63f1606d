"""Compact cells beside GRU and LSTM on spoken digits (FSDD): accuracy, bytes and instructions, float and int8.

Usage: python -m benchmarks.compact [--seeds 3]

Writes benchmarks/results/compact.json after every model, and goes on from there.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from benchmarks.accuracy import calibration_windows, float_classes, integer_classes
from benchmarks.paths import RESULTS
from benchmarks.trained import load_task, trained_model
from edgeseq.export.c import export_c
from edgeseq.frontend import load_model
from edgeseq.measure.profile import profile
from edgeseq.quantize import quantize
from edgeseq.targets import load_core

TASK = "fsdd"
# Cell and units: equal units, and the largest FastGRNN whose int8 weights stay under 6 KB.
CELLS = (("lstm", 32), ("gru", 32), ("mgu", 32), ("fastgrnn", 32), ("mingru", 32), ("fastgrnn", 60))
CORE = "cortex-m4"


def measure(cell: str, units: int, seed: int, data: Any) -> dict[str, Any]:
    """One trained model, quantised to int8 and profiled."""
    graph = load_model(trained_model(TASK, cell, seed, data, units))
    of_float = float_classes(graph, data.x_test)
    quantized = quantize(graph, calibration_windows(data))
    project = export_c(quantized, kernel_set=load_core(CORE).kernel_set)
    measured = profile(quantized, CORE)
    return {
        "cell": cell,
        "units": units,
        "seed": seed,
        "parameters": graph.parameters,
        "weight_bytes": project.weight_bytes,
        "table_bytes": project.table_bytes,
        "state_bytes": project.state_bytes,
        "kernels": "portable" if project.fallbacks else project.kernel_set,
        "instructions_per_step": measured.instructions_per_step,
        "float_accuracy": float((of_float == data.y_test).mean()),
        "accuracy": float((integer_classes(quantized, data.x_test) == data.y_test).mean()),
    }


def main() -> None:
    """Run what is not yet in the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    out = RESULTS / "compact.json"
    rows: list[dict[str, Any]] = json.loads(out.read_text()) if out.exists() else []
    done = {(row["cell"], row["units"], row["seed"]) for row in rows}
    data = load_task(TASK)
    for seed in range(seeds):
        for cell, units in CELLS:
            if (cell, units, seed) not in done:
                rows.append(measure(cell, units, seed, data))
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
                out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
