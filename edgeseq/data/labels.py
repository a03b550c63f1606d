"""Labels: names become classes, and the mistakes users make with them are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.data.types import DataSet, IntArray, Part
from edgeseq.errors import DataError


def numbered(labels: npt.NDArray[Any]) -> tuple[IntArray, tuple[str, ...]]:
    """Number named labels by their sorted order; numbers stay as they are, without names."""
    try:
        values = labels.astype(np.float64)
    except ValueError:
        names, index = np.unique(labels.astype(str), return_inverse=True)
        return index.reshape(labels.shape).astype(np.int64), tuple(str(name) for name in names)
    if not np.isfinite(values).all() or (values != np.round(values)).any():
        raise DataError(
            f"labels are not whole numbers (such as {values[values != np.round(values)].flat[0]:g}); name a target instead"
        )
    return values.astype(np.int64), ()


def valid_labels(part: Part, *, at_end: bool) -> IntArray:
    """Return the labels of all windows, or of all steps that are no padding."""
    assert part.y is not None
    return part.y[part.valid(at_end=at_end)] if part.y.ndim == 2 else part.y


def checked_labels(data: DataSet) -> DataSet:
    """Refuse labels that no classifier can learn, and note those that look like a mistake."""
    at_end = data.padded_at_end
    train, test = (valid_labels(part, at_end=at_end) for part in (data.train, data.test))
    validation = train if data.validation is None else valid_labels(data.validation, at_end=at_end)
    for part, labels in (("train", train), ("test", test), ("validation", validation)):
        if labels.min() < 0:
            raise DataError(f"{data.name}: {part} has the label {labels.min()}; expected classes 0 to C-1")
    if validation.max() >= data.classes:
        raise DataError(f"{data.name}: validation has the label {validation.max()}, which neither train nor test has")
    seen = np.unique(train)
    if len(seen) < 2:
        raise DataError(f"{data.name}: every training label is {int(seen[0])}; a classifier needs at least two classes")
    if data.class_names and int(max(train.max(), test.max())) >= len(data.class_names):
        raise DataError(
            f"{data.name}: the label {int(max(train.max(), test.max()))} has no name; class_names lists {len(data.class_names)}"
        )
    # Before they are listed: a label may be a number of billions by mistake.
    if data.classes > 2 * len(seen) and not data.class_names:
        raise DataError(
            f"{data.name}: labels reach {data.classes - 1}, but only {len(seen)} classes occur in training; "
            "number the classes 0 to C-1"
        )
    unknown = sorted(set(np.unique(test).tolist()) - set(seen.tolist()))
    notes = []
    if unknown:
        share = float(np.isin(test, unknown).mean())
        notes.append(
            f"warning: classes {_listed(unknown, data)} occur in test ({share:.1%} of it) but never in training: errors all"
        )
    empty = sorted(set(range(data.classes)) - set(seen.tolist()) - set(unknown))
    if empty:
        notes.append(
            f"warning: classes {_listed(empty, data)} have no training example; the model has an output for them all the same"
        )
    return data.noted(*notes)


def _listed(classes: list[int], data: DataSet) -> str:
    return ", ".join(data.class_names[c] if data.class_names else str(c) for c in classes)
