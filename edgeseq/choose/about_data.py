"""What the data fix for all networks, and what results.json says of them."""

from __future__ import annotations

from typing import Any

from edgeseq.choose.configuration import TaskShape
from edgeseq.data import DataSet, Part


def task_shape(data: DataSet) -> TaskShape:
    """Return what the data fix for all candidates."""
    steps, features = data.x_train.shape[1:]
    outputs = data.classes if data.task in ("classification", "tagging") else int(data.y_train.shape[-1])
    return TaskShape(features, outputs, steps, data.padded_at_end)


def describe(data: DataSet, validation: Part | None = None) -> dict[str, Any]:
    """Return what results.json says of the data. validation: the part that validates all networks, if one does."""
    shape = task_shape(data)
    return {
        "name": data.name,
        "task": data.task,
        "class_names": list(data.class_names),
        "features": shape.features,
        "outputs": shape.outputs,
        "window_steps": shape.window_steps,
        "train_windows": len(data.train),
        **({} if validation is None else {"validation_windows": len(validation)}),
        "test_windows": len(data.test),
        "notes": list(data.notes),
    }
