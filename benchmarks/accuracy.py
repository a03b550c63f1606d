"""Float and int8 accuracy of GRU(32) and LSTM(32) on four real data sets, several seeds.

Usage: python -m benchmarks.accuracy [--seeds 3] [--data har,fsdd,ecg5000,cwru]

Writes benchmarks/results/accuracy.json after every model, and goes on from there.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bound import hidden_bound
from benchmarks.paths import RESULTS, shared
from edgeseq.data import DataSet, load_data
from edgeseq.frontend import load_model
from edgeseq.graph.reference import forward, normalize
from edgeseq.measure.verify import sqnr_db
from edgeseq.quantize import quantize
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import quantize_input
from edgeseq.train import Recipe, train_classifier

UNITS = 32
CALIBRATION_WINDOWS = 256
# SQNR over all steps of this many test windows; accuracy is over all of them.
SQNR_WINDOWS = 256


@dataclass(frozen=True, slots=True)
class Task:
    """One data set: its file, epochs, and an optional (time, features) to reshape windows to."""

    file: str
    epochs: int
    shape: tuple[int, int] | None = None


TASKS = {
    "har": Task("har/ucihar_raw_windows.npz", 10),
    "fsdd": Task("audio/fsdd_logmel.npz", 40),
    "ecg5000": Task("ecg/ecg5000_5class.npz", 40),
    "cwru": Task("industrial/cwru_bearing_de12k.npz", 20, (32, 8)),
}


def load_task(name: str) -> DataSet:
    """Load a task's data set in place."""
    folder = shared("data")
    if folder is None:
        raise FileNotFoundError("no data sets: set EDGESEQ_SHARED to the folder that holds data/")
    task = TASKS[name]
    data = load_data(str(folder / task.file))
    if task.shape is None:
        return data
    steps, features = task.shape
    train, test = (replace(part, x=part.x.reshape(len(part), steps, features)) for part in (data.train, data.test))
    return replace(data, name=name, train=train, test=test)


def evaluate(data: DataSet, model: Any) -> dict[str, Any]:
    """Accuracy, agreement and SQNR of a Keras classifier and its int8 form."""
    graph = load_model(model)
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(data.x_train))[:CALIBRATION_WINDOWS]
    quantized = quantize(graph, data.x_train[chosen])
    codes = quantize_input(quantized.input, data.x_test)
    integer = Oracle(quantized, batch=len(codes)).run(codes).outputs[:, -1].argmax(axis=1)
    float_class = forward(graph, data.x_test).outputs[:, -1].argmax(axis=1)
    few = slice(0, SQNR_WINDOWS)
    layer = graph.recurrent[0]
    reference = forward(graph, data.x_test[few], keep_hidden=[layer.name]).hidden[layer.name]
    states = Oracle(quantized, batch=len(codes[few])).run(codes[few], keep_states=True).states
    assert states is not None
    hidden = states[:, :, : layer.units] / 32768.0
    rounded_input = (codes[few].astype(np.float64) - quantized.input.zero_point) * quantized.input.scale.value
    bound = hidden_bound(layer, rounded_input)
    finite = normalize(graph, data.x_test[few].astype(np.float64))
    return {
        "input_dtype": quantized.input.dtype,
        "float_accuracy": float((float_class == data.y_test).mean()),
        "int8_accuracy": float((integer == data.y_test).mean()),
        "agreement": float((integer == float_class).mean()),
        "state_sqnr_db": sqnr_db(reference, hidden),
        "bound_sqnr_db": sqnr_db(reference, bound),
        "input_sqnr_db": sqnr_db(finite, rounded_input),
    }


def main() -> None:
    """Run what is not yet in the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", default=",".join(TASKS))
    parser.add_argument("--out", type=Path, default=RESULTS / "accuracy.json")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
    done = {(row["data"], row["cell"], row["seed"]) for row in rows}
    for seed in range(arguments.seeds):
        for name in arguments.data.split(","):
            data = None
            for cell in ("gru", "lstm"):
                if (name, cell, seed) in done:
                    continue
                data = data or load_task(name)
                recipe = Recipe(cell=cell, units=UNITS, epochs=TASKS[name].epochs, seed=seed)
                model = train_classifier(data, recipe).model
                row = {"data": name, "cell": cell, "seed": seed, "units": UNITS, **evaluate(data, model)}
                rows.append(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
                arguments.out.parent.mkdir(parents=True, exist_ok=True)
                arguments.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
