"""run.json: everything needed to repeat and to judge a run. Fields: docs/training.md."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgeseq.data import DataOptions, DataSet
from edgeseq.data.prepared import fingerprint, parts
from edgeseq.errors import TrainingError
from edgeseq.files import write_atomically
from edgeseq.train.backend import device, import_keras, versions
from edgeseq.train.recipe import Recipe
from edgeseq.train.run import TrainingResult

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class RunPaths:
    """Where a run lies: model.keras, model.run.json and model.checkpoints/last.npz."""

    model: Path

    @property
    def record(self) -> Path:
        """The run's description."""
        return self.model.with_suffix(".run.json")

    @property
    def checkpoint(self) -> Path:
        """The last complete epoch."""
        return self.model.with_suffix(".checkpoints") / "last.npz"

    def remove_checkpoints(self) -> None:
        """Remove the folder of a run that is complete."""
        shutil.rmtree(self.checkpoint.parent, ignore_errors=True)

    @classmethod
    def of(cls, run: Path) -> RunPaths:
        """Find a run by any of its paths."""
        for ending in (".run.json", ".checkpoints", ".keras"):
            if run.name.endswith(ending):
                return cls(run.with_name(run.name.removesuffix(ending) + ".keras"))
        raise TrainingError(f"{run} is no run; name its .run.json, its .keras or its .checkpoints folder")


def opening(spec: str, options: DataOptions, data: DataSet, recipe: Recipe) -> dict[str, Any]:
    """Return the record of a run that begins."""
    keras = import_keras()
    path = Path(spec)
    return {
        "schema": SCHEMA,
        "status": "running",
        "data": {
            "source": str(path.resolve()) if path.exists() else spec,
            "name": data.name,
            "options": asdict(options),
            "sha256": fingerprint(data),
            "shapes": {name: list(part.x.shape) for name, part in parts(data).items()},
            "class_names": list(data.class_names),
            "feature_names": list(data.feature_names),
            "feature_settings": data.feature_settings,
            "horizon": data.horizon,
            "target_columns": list(data.target_columns),
            "notes": list(data.notes),
        },
        "task": data.task,
        "recipe": recipe.as_json(),
        "device": device(keras),
        "versions": versions(keras),
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def closing(record: dict[str, Any], result: TrainingResult) -> dict[str, Any]:
    """Return the record of a run that ended."""
    return record | {
        "status": result.status,
        "split": result.parts.as_json(),
        "epochs_run": result.epochs_run,
        "best_epoch": result.best_epoch,
        "metrics": result.metrics,
        "history": list(result.history),
    }


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Replace run.json at once. Raises OutputError."""
    write_atomically(path, json.dumps(record, indent=2) + "\n")


def read_record(path: Path) -> tuple[dict[str, Any], str, DataOptions, Recipe]:
    """Return (record, data, how it was read, recipe) of a run. Raises TrainingError."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["schema"] != SCHEMA:
            raise TrainingError(f"{path}: schema {record['schema']}; this edgeseq reads {SCHEMA}")
        options = record["data"]["options"]
        options["features"] = tuple(options["features"])
        return record, record["data"]["source"], DataOptions(**options), Recipe.from_json(record["recipe"])
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such run") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path}: not a readable run.json ({error})") from error
