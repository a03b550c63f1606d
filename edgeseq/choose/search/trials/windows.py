"""The data as candidates see them: split once for all, and cut to a candidate's window and stride."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeseq.choose.configuration import Configuration
from edgeseq.data import DataSet, Part
from edgeseq.errors import DataError
from edgeseq.train import Recipe
from edgeseq.train.split import split

# What validates picks among dozens of candidates, so it must tell them apart: at most this share of few windows or subjects.
VALIDATING_WINDOWS, VALIDATING_SUBJECTS = 200, 5
MOST_VALIDATING = 0.3


def prepare(data: DataSet, seed: int, validation_share: float | None = None) -> DataSet:
    """Return the data with a validation part and class names, the same for all candidates. Raises DataError.

    validation_share: None lets `validating_share` say. Warns in its notes where a subject is in the training and the test part.
    """
    _check_classes(data, "Give data of more classes")
    if data.task in ("classification", "tagging"):
        data = replace(data, class_names=data.class_names or tuple(str(number) for number in range(data.classes)))
    if data.train.y is None or data.test.y is None:
        raise DataError(f"{data.name}: has no targets to learn; choosing needs some")
    share = validating_share(data.train) if validation_share is None else validation_share
    parts = split(data, Recipe(seed=seed, validation_share=share))
    divided = replace(data, train=parts.train, validation=parts.validation)
    _check_classes(divided, f"The {len(parts.validation)} others validate: give more data, or another --seed")
    return divided.noted(*_leaks(data))


def _check_classes(data: DataSet, way_out: str) -> None:
    """Raise DataError where the training windows of a classifier are of one class."""
    if data.task not in ("classification", "tagging"):
        return
    seen = np.unique(data.y_train)
    if len(seen) < 2:
        name = data.class_names[seen[0]] if data.class_names else seen[0]
        raise DataError(
            f"{data.name}: all {len(data.train)} training windows are of class {name}; at least 2 classes are needed to tell "
            f"apart. {way_out}"
        )


def validating_share(train: Part, held_back: int = 0) -> float:
    """Return the share of the training windows that validates: a tenth as in a training, more where these are too few.

    held_back: windows more that the data hold back to validate already.
    """
    shares = [VALIDATING_WINDOWS / max(1, len(train) + held_back)]
    if train.subjects is not None and (subjects := len(np.unique(train.subjects))) > 1:
        shares.append(VALIDATING_SUBJECTS / subjects)
    return max(Recipe().validation_share, min(MOST_VALIDATING, max(shares)))


def _leaks(data: DataSet) -> list[str]:
    train, test = data.train.subjects, data.test.subjects
    if train is None or test is None:
        return []
    names = [{str(name) for name in np.unique(part)} for part in (train, test)]
    both = sorted(names[0] & names[1])
    # A single recording is split by time; there is no other to test on.
    if not both or len(names[0] | names[1]) < 2:
        return []
    shown = ", ".join(both[:5]) + (", ..." if len(both) > 5 else "")
    told = f"warning: {len(both)} subjects are in the training and the test part ({shown}); "
    return [told + "scores are then too good for new subjects. Split by subject"]


def seen_by(data: DataSet, network: Configuration) -> DataSet:
    """Return the data as this network sees them: the last `window` steps of each window, every `stride`-th, the last kept."""
    if network.window is None and network.stride == 1:
        return data
    if data.padded_at_end:
        raise DataError(f"{data.name}: each time step has a target; a window and a stride are for one target per window")
    return replace(
        data,
        train=_cut(data.train, network),
        test=_cut(data.test, network),
        validation=None if data.validation is None else _cut(data.validation, network),
    )


def _cut(part: Part, network: Configuration) -> Part:
    window, stride = network.window or part.x.shape[1], network.stride
    x = np.ascontiguousarray(part.x[:, ::-1][:, :window:stride][:, ::-1])
    lengths = None if part.lengths is None else -(-np.minimum(part.lengths, window) // stride)
    marks = part.marks
    if marks is not None and marks.ndim == 2:
        marks = np.ascontiguousarray(marks[:, ::-1][:, :window:stride][:, ::-1])
    return Part(x, part.y, lengths, part.subjects, marks)
