"""Float models of the real-data tasks, trained once and kept in the user's cache folder.

Usage: python -m benchmarks.trained [--seeds 3] [--data har,fsdd,ecg5000,cwru] [--cells gru,lstm]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.paths import shared
from edgeseq.data import DataSet, load_data
from edgeseq.train import Recipe, save_keras, train_classifier
from edgeseq.train.backend import import_keras
from edgeseq.train.split import split

if TYPE_CHECKING:
    from edgeseq.train.qat import Pruning

UNITS = 32
# Epochs of training with integers that validate no better, the start included, before it stops.
PATIENCE = 3


@dataclass(frozen=True, slots=True)
class Task:
    """One data set: its file, epochs, and an optional (time, features) to reshape windows to."""

    file: str
    epochs: int
    shape: tuple[int, int] | None = None


TASKS = {
    "ecg5000": Task("ecg/ecg5000_5class.npz", 40),
    "fsdd": Task("audio/fsdd_logmel.npz", 40),
    "cwru": Task("industrial/cwru_bearing_de12k.npz", 20, (32, 8)),
    "har": Task("har/ucihar_raw_windows.npz", 10),
}


def cache_folder() -> Path:
    """Where trained models are kept: $EDGESEQ_CACHE, or edgeseq in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("EDGESEQ_CACHE") or Path(home) / "edgeseq") / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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


def trained_model(name: str, cell: Any, seed: int, data: DataSet | None = None, units: int = UNITS) -> Path:
    """Path of the trained .keras of a task, cell and seed; trains it if it is not in the cache."""
    path = cache_folder() / f"{name}-{cell}{units}-{seed}.keras"
    if not path.exists():
        recipe = Recipe(cell=cell, units=units, epochs=TASKS[name].epochs, seed=seed)
        start = time.perf_counter()
        result = train_classifier(data or load_task(name), recipe)
        save_keras(result.model, path)
        print(f"{path.name}: {result.test_accuracy:.4f}, {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return path


def tuned_model(
    name: str,
    cell: Any,
    seed: int,
    scheme: Any,
    data: DataSet,
    units: int = UNITS,
    *,
    epochs: int = 8,
    pruning: Pruning | None = None,
) -> Path:
    """Path of the same model fine-tuned with a scheme's integers; trains it if it is not in the cache."""
    suffix = f"-{epochs}" if epochs != 8 else ""
    suffix += f"-{pruning.sparsity:g}-{pruning.block[0]}x{pruning.block[1]}" if pruning else ""
    path = cache_folder() / f"{name}-{cell}{units}-{seed}-{scheme}{suffix}.keras"
    if not path.exists():
        import_keras()
        from edgeseq.train.qat import QatRecipe, fine_tune, load

        start = time.perf_counter()
        model = load(trained_model(name, cell, seed, data, units))
        parts = split(data, Recipe(cell=cell, units=units, seed=seed))
        examples = [(part.x, part.y, None) for part in (parts.train, parts.validation)]
        recipe = QatRecipe(scheme, epochs=epochs, seed=seed, pruning=pruning, patience=None if pruning else PATIENCE)
        save_keras(fine_tune(model, *examples, recipe).model, path)
        print(f"{path.name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return path


def main() -> None:
    """Train what is not in the cache yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", default=",".join(TASKS))
    parser.add_argument("--cells", default="gru,lstm")
    arguments = parser.parse_args()
    for seed in range(arguments.seeds):
        for name in arguments.data.split(","):
            data = load_task(name)
            for cell in arguments.cells.split(","):
                trained_model(name, cell, seed, data)


if __name__ == "__main__":
    main()
