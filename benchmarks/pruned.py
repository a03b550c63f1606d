"""Accuracy of GRU(32) on spoken digits (FSDD), fine-tuned with int8 integers while blocks of its weights are pruned.

Usage: python -m benchmarks.pruned [--seeds 3] [--blocks 1x4,4x4] [--sparsities 0.5,0.75] [--epochs 40]

Writes benchmarks/results/pruned.json after every model, and goes on from there. Sparsity 0 is the same training without
pruning.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from typing import Any

from benchmarks.accuracy import float_classes, integer_classes
from benchmarks.paths import RESULTS
from benchmarks.trained import UNITS, load_task, trained_model, tuned_model
from edgeseq.data import DataSet
from edgeseq.frontend import load_model
from edgeseq.quantize import quantize
from edgeseq.train.qat import Pruning

TASK, CELL, SCHEME = "fsdd", "gru", "int8"


def measure(seed: int, sparsity: float, block: str, epochs: int, data: DataSet) -> dict[str, Any]:
    """One model: trained, pruned, and what its integers classify rightly."""
    rows, columns = (int(part) for part in block.split("x"))
    pruning = Pruning(sparsity, (rows, columns)) if sparsity else None
    tuned = quantize(load_model(tuned_model(TASK, CELL, seed, SCHEME, data, epochs=epochs, pruning=pruning)))
    of_float = float_classes(load_model(trained_model(TASK, CELL, seed, data)), data.x_test)
    return {
        "data": TASK,
        "cell": CELL,
        "units": UNITS,
        "epochs": epochs,
        "seed": seed,
        "sparsity": sparsity,
        "block": block,
        "float_accuracy": float((of_float == data.y_test).mean()),
        "accuracy": float((integer_classes(tuned, data.x_test) == data.y_test).mean()),
    }


def main() -> None:
    """Run what is not yet in the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--blocks", default="1x4,4x4")
    parser.add_argument("--sparsities", default="0.5,0.75")
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    out = RESULTS / "pruned.json"
    rows: list[dict[str, Any]] = json.loads(out.read_text()) if out.exists() else []
    done = {(row["seed"], row["sparsity"], row["block"], row["epochs"]) for row in rows}
    data = load_task(TASK)
    chosen = itertools.product(map(float, options.sparsities.split(",")), options.blocks.split(","))
    for seed, (sparsity, block) in itertools.product(range(options.seeds), [(0.0, "1x1"), *chosen]):
        if (seed, sparsity, block, options.epochs) not in done:
            rows.append(measure(seed, sparsity, block, options.epochs, data))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
            out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
