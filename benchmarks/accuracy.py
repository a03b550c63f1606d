"""Accuracy of GRU(32) and LSTM(32) on four real data sets, float and in every scheme, several seeds.

Usage: python -m benchmarks.accuracy [--seeds 3] [--data har,fsdd,ecg5000,cwru] [--schemes int8,int16x8,int8x4,int16x4]
           [--methods ptq,qat]

ptq: quantised after training; qat: fine-tuned with integers from the same float model, which also teaches it.

Writes benchmarks/results/accuracy.json after every model, and goes on from there.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.bound import hidden_bound
from benchmarks.paths import RESULTS
from benchmarks.trained import TASKS, UNITS, load_task, trained_model, tuned_model
from edgeseq.data import DataSet
from edgeseq.frontend import load_model
from edgeseq.graph import Graph
from edgeseq.graph.reference import forward
from edgeseq.measure.verify import hidden_states
from edgeseq.quantize import QuantGraph, quantize
from edgeseq.quantize.types import SCHEMES
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import quantize_input

CALIBRATION_WINDOWS = 256
# SQNR over all steps of this many test windows; accuracy is over all of them.
SQNR_WINDOWS = 256
# Windows that run at once: their tensors stay in the processor's cache.
BATCH = 256


def calibration_windows(data: DataSet) -> npt.NDArray[np.float32]:
    """Training windows for calibration, the same for every model of a data set."""
    chosen = np.random.default_rng(0).permutation(len(data.x_train))[:CALIBRATION_WINDOWS]
    return data.x_train[chosen]


def float_classes(graph: Graph, x: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Class of every window by the float model."""
    parts = [x[at : at + BATCH] for at in range(0, len(x), BATCH)]
    return np.concatenate([forward(graph, part).outputs[:, -1].argmax(axis=1) for part in parts])


def integer_classes(graph: QuantGraph, x: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Class of every window by the integers."""
    codes = quantize_input(graph.input, x)
    parts = [codes[at : at + BATCH] for at in range(0, len(codes), BATCH)]
    return np.concatenate([Oracle(graph, batch=len(part)).run(part).outputs[:, -1].argmax(axis=1) for part in parts])


def state_noise(quantized: QuantGraph, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return sums of squares over the hidden states of windows: the float states, their error, and the bound's error.

    The bound: weights rounded per row, the same input codes, an 8-bit h, rest float.
    """
    layer = quantized.source.recurrent[0]
    codes = quantize_input(quantized.input, x)
    reference = forward(quantized.source, x, keep_hidden=[layer.name]).hidden[layer.name]
    states = Oracle(quantized, batch=len(codes)).run(codes, keep_states=True).states
    assert states is not None
    rounded_input = (codes.astype(np.float64) - quantized.input.zero_point) * quantized.input.scale.value
    errors = [reference - hidden_states(quantized, states)[0], reference - hidden_bound(layer, rounded_input)]
    return np.array([np.sum(value**2) for value in (reference, *errors)])


def fidelity(quantized: QuantGraph, x: npt.NDArray[np.float32]) -> dict[str, float]:
    """SQNR of the hidden states over all steps of the windows, and of the bound."""
    signal, noise, bound = sum(state_noise(quantized, x[at : at + BATCH]) for at in range(0, len(x), BATCH))
    return {"state_sqnr_db": 10 * math.log10(signal / noise), "bound_sqnr_db": 10 * math.log10(signal / bound)}


def evaluate(
    data: DataSet, quantized: QuantGraph, of_float: npt.NDArray[np.int64], sqnr_windows: int = SQNR_WINDOWS
) -> dict[str, Any]:
    """Accuracy of the integers, how often they agree with the float model's classes, and their SQNR.

    sqnr_windows: how many test windows the SQNR is of; accuracy is of all.
    """
    classes = integer_classes(quantized, data.x_test)
    return {
        "input_dtype": quantized.input.dtype,
        "float_accuracy": float((of_float == data.y_test).mean()),
        "accuracy": float((classes == data.y_test).mean()),
        "agreement": float((classes == of_float).mean()),
        **fidelity(quantized, data.x_test[:sqnr_windows]),
    }


def main() -> None:
    """Run what is not yet in the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", default=",".join(TASKS))
    parser.add_argument("--schemes", default=",".join(SCHEMES))
    parser.add_argument("--methods", default="ptq")
    parser.add_argument("--out", type=Path, default=RESULTS / "accuracy.json")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
    done = {(row["data"], row["cell"], row["seed"], row["scheme"], row["method"]) for row in rows}
    for seed in range(arguments.seeds):
        for name in arguments.data.split(","):
            data = None
            for cell in ("gru", "lstm"):
                pairs = itertools.product(arguments.methods.split(","), arguments.schemes.split(","))
                wanted = [(method, scheme) for method, scheme in pairs if (name, cell, seed, scheme, method) not in done]
                if not wanted:
                    continue
                data = data or load_task(name)
                graph = load_model(trained_model(name, cell, seed, data))
                of_float = float_classes(graph, data.x_test)
                for method, scheme in wanted:
                    if method == "ptq":
                        quantized = quantize(graph, calibration_windows(data), scheme)
                    else:
                        quantized = quantize(load_model(tuned_model(name, cell, seed, scheme, data)))
                    row = {"data": name, "cell": cell, "seed": seed, "units": UNITS, "scheme": scheme, "method": method}
                    rows.append({**row, **evaluate(data, quantized, of_float)})
                    print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
                    arguments.out.parent.mkdir(parents=True, exist_ok=True)
                    arguments.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
