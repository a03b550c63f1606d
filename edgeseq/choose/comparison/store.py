"""The run folder of a comparison: its settings, and the files of each finished model.

    settings.json             what may not change when the comparison goes on
    results.json              everything found so far
    models/NAME.keras, .esq   the float model, its integers
    models/NAME.npz           its record, written last: the model is finished
    models/NAME.checkpoint    the last complete epoch of a model that is not

Every file appears whole or not at all, so that a process may be killed at any time.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeseq.choose.comparison.matching import Matched
from edgeseq.choose.scores import WindowScores
from edgeseq.errors import OutputError, TrainingError
from edgeseq.files import check_writable, write_atomically

SETTINGS, RESULTS = "settings.json", "results.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class ModelPaths:
    """Files of one model."""

    keras: Path
    esq: Path
    record: Path
    checkpoint: Path


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What is known of a finished model. description: plain JSON; scores: of the integers on each test window."""

    description: dict[str, Any]
    scores: WindowScores


def model_paths(folder: Path, name: str) -> ModelPaths:
    """Return where a model's files lie."""
    models = folder / "models"
    return ModelPaths(*(models / f"{name}{ending}" for ending in (".keras", ".esq", ".npz", ".checkpoint")))


def write_record(path: Path, record: Record) -> None:
    """Say that a model is finished. Raises OutputError."""
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        allow_pickle=False,
        description=np.array(json.dumps(record.description)),
        totals=record.scores.totals,
        weights=record.scores.weights,
    )
    write_atomically(path, stream.getvalue())


def read_record(path: Path) -> Record | None:
    """Return a finished model's record, None if it is not finished. Raises TrainingError where the file is damaged."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return Record(json.loads(str(file["description"])), WindowScores(file["totals"], file["weights"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise TrainingError(f"{path}: not a readable record ({error}); remove it, and the model is trained again") from error


def open_folder(folder: Path, settings: dict[str, Any], *, resume: bool) -> tuple[Matched, ...]:
    """Begin or go on with a comparison; returns the cells that were matched before.

    Raises OutputError where the folder holds one and resume is false, TrainingError where it holds another.
    """
    path = folder / SETTINGS
    if not path.exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError(
                f"{folder} already exists and is not an empty folder, and holds no comparison ({SETTINGS}). Choose another --out"
            )
        check_writable(path)
        write_settings(folder, settings, ())
        return ()
    if not resume:
        raise OutputError(f"{folder} holds a comparison. Add --resume to go on with it, or choose another --out")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        before = stored["settings"]
        matched = tuple(Matched(each["cell"], tuple(each["units"]), each["size"]) for each in stored["matched"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path}: not readable ({error!r}). Choose another --out") from error
    wanted = json.loads(json.dumps(settings))
    changed = [name for name in {**before, **wanted} if before.get(name) != wanted.get(name)]
    if changed:
        what = "; ".join(f"{name} {_shown(before.get(name))}, now {_shown(wanted.get(name))}" for name in changed)
        raise TrainingError(
            f"{folder} holds a comparison of other settings: {what}. Give those it was begun with, or choose another --out"
        )
    return matched


def write_settings(folder: Path, settings: dict[str, Any], matched: tuple[Matched, ...]) -> None:
    """Write what may not change. Raises OutputError."""
    document = {"schema": SCHEMA, "settings": settings, "matched": [asdict(each) for each in matched]}
    write_atomically(folder / SETTINGS, json.dumps(document, indent=2) + "\n")


def _shown(value: Any) -> str:
    text = str(value)
    return f"{text[:12]}..." if len(text) == 64 else text  # a hash
