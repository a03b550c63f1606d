"""Compact cells beside GRU and LSTM on spoken digits (FSDD): accuracy, bytes and instructions, float and int8.

Usage: python -m benchmarks.compact [--seeds 3]

The cells of FOUR_BIT also in int8x4, quantised after training and trained with the integers.

Writes benchmarks/results/compact.json after every model, and goes on from there.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from benchmarks.accuracy import calibration_windows, float_classes, integer_classes
from benchmarks.paths import RESULTS
from benchmarks.trained import load_task, trained_model, tuned_model
from edgeseq.export.c import export_c
from edgeseq.frontend import load_model
from edgeseq.measure.profile import profile
from edgeseq.quantize import quantize
from edgeseq.targets import load_core

TASK = "fsdd"
# Cell and units: equal units, and the largest FastGRNN whose int8 weights stay under 6 KB.
CELLS = (("lstm", 32), ("gru", 32), ("mgu", 32), ("fastgrnn", 32), ("mingru", 32), ("fastgrnn", 60))
FOUR_BIT = (("fastgrnn", 60), ("mgu", 32), ("mingru", 32))
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


def measure_four_bit(cell: str, units: int, seed: int, data: Any) -> dict[str, Any]:
    """The same model in int8x4: rounded after training, and trained on for 8 epochs with its integers."""
    graph = load_model(trained_model(TASK, cell, seed, data, units))
    rounded = quantize(graph, calibration_windows(data), "int8x4")
    tuned = quantize(load_model(tuned_model(TASK, cell, seed, "int8x4", data, units)))
    return {
        "int8x4_weight_bytes": export_c(tuned, kernel_set=load_core(CORE).kernel_set).weight_bytes,
        "int8x4_accuracy": float((integer_classes(rounded, data.x_test) == data.y_test).mean()),
        "int8x4_qat_accuracy": float((integer_classes(tuned, data.x_test) == data.y_test).mean()),
    }


def main() -> None:
    """Run what is not yet in the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    out = RESULTS / "compact.json"
    rows: list[dict[str, Any]] = json.loads(out.read_text()) if out.exists() else []
    done = {(row["cell"], row["units"], row["seed"]): row for row in rows}
    data = load_task(TASK)
    for seed in range(seeds):
        for cell, units in CELLS:
            row = done.get((cell, units, seed))
            if row is None:
                row = measure(cell, units, seed, data)
                rows.append(row)
            elif (cell, units) not in FOUR_BIT or "int8x4_accuracy" in row:
                continue
            if (cell, units) in FOUR_BIT:
                row |= measure_four_bit(cell, units, seed, data)
            print(json.dumps(row), file=sys.stderr, flush=True)
            out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
