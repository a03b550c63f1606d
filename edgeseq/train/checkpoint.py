"""What a run needs to go on: one file, replaced as a whole after each epoch.

A killed process leaves the file of the last complete epoch: weights, optimizer, best weights, counters and history.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.errors import TrainingError
from edgeseq.files import write_atomically

Arrays = list[npt.NDArray[Any]]
History = tuple[dict[str, float], ...]


@dataclass(frozen=True, slots=True)
class Counters:
    """Where a run is. best_value: smallest validation loss; waited, stalled: epochs since, for stopping and halving."""

    epoch: int = 0
    best_epoch: int = 0
    best_value: float = float("inf")
    waited: int = 0
    stalled: int = 0
    history: History = ()

    def after(self, logs: dict[str, float], *, halved: bool) -> Counters:
        """Return the counters after one more epoch."""
        epoch, better = self.epoch + 1, logs["val_loss"] < self.best_value
        return Counters(
            epoch,
            epoch if better else self.best_epoch,
            logs["val_loss"] if better else self.best_value,
            0 if better else self.waited + 1,
            0 if better or halved else self.stalled + 1,
            (*self.history, logs),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """model, optimizer, best: values of all variables, in the order Keras lists them."""

    counters: Counters
    model: Arrays
    optimizer: Arrays
    best: Arrays

    def write(self, path: Path) -> None:
        """Replace the file at once. Raises OutputError."""
        stream = io.BytesIO()
        groups = {"model": self.model, "optimizer": self.optimizer, "best": self.best}
        arrays = {f"{name}_{i:04d}": array for name, group in groups.items() for i, array in enumerate(group)}
        np.savez(stream, allow_pickle=False, counters=np.array(json.dumps(asdict(self.counters))), **arrays)
        write_atomically(path, stream.getvalue())


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises TrainingError when there is none, or when it is damaged."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        counters = Counters(**json.loads(str(arrays.pop("counters"))))
    except FileNotFoundError:
        raise TrainingError(
            f"{path}: no such checkpoint; the run ended before its first epoch, or its checkpoint was removed"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise TrainingError(f"{path}: not a readable checkpoint ({error}); start the run anew") from error
    groups = {
        name: [arrays[key] for key in sorted(arrays) if key.startswith(f"{name}_")] for name in ("model", "optimizer", "best")
    }
    return Checkpoint(replace(counters, history=tuple(counters.history)), groups["model"], groups["optimizer"], groups["best"])


def values_of(variables: Sequence[Any]) -> Arrays:
    """Return copies of the values of Keras variables."""
    return [np.array(variable.numpy()) for variable in variables]


def assign(variables: Sequence[Any], values: Arrays, what: str) -> None:
    """Give Keras variables these values. Raises TrainingError when they do not fit."""
    shapes, found = [tuple(v.shape) for v in variables], [v.shape for v in values]
    if shapes != found:
        raise TrainingError(
            f"the checkpoint's {what} has {len(found)} arrays that do not fit the {len(shapes)} of this model; start the run anew"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
