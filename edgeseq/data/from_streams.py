"""Streams -> a DataSet: what is predicted, how windows are cut, and what is held out for testing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeseq.data.streams import Stream, cut, hold_out, padded, split_by_time, window_and_stride
from edgeseq.data.types import DataOptions, DataSet, Part, TaskName
from edgeseq.errors import DataError

TEST_SHARE = 0.25
# Anomalies are judged on what follows the normal data that the forecaster learnt.
ANOMALY_TEST_SHARE = 0.5
SPLIT_SEED = 0
# With fewer, validation takes the end of each stream; with more, whole streams.
ENOUGH_STREAMS = 3
AHEAD = ("forecast", "multilabel", "anomaly")


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Streams of a file, split already or not yet (test None).

    grouped: the streams belong to different subjects or sequences, so whole ones are held out.
    """

    name: str
    train: tuple[Stream, ...]
    test: tuple[Stream, ...] | None = None
    validation: tuple[Stream, ...] | None = None
    grouped: bool = False
    feature_names: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    target_columns: tuple[int, ...] = ()
    notes: tuple[str, ...] = field(default=())


def from_streams(recording: Recording, task: TaskName, options: DataOptions) -> DataSet:
    """Cut windows as the task needs them. Raises DataError when streams are too short."""
    for stream in (*recording.train, *(recording.test or ()), *(recording.validation or ())):
        _check_finite(recording.name, stream)
    if options.stride and options.window is None:
        raise DataError("a stride needs a window; give --window too")
    if task == "classification":
        return _labelled_windows(recording, options)
    return _targets_per_step(recording, task, options)


def _targets_per_step(recording: Recording, task: TaskName, options: DataOptions) -> DataSet:
    train, validation, test = _sides(recording, task, options)
    ahead = options.horizon if task in AHEAD else 0
    columns = recording.target_columns or tuple(range(train[0].x.shape[1]))
    if ahead:
        train, test = (_shifted(part, ahead, columns) for part in (train, test))
        validation = None if validation is None else _shifted(validation, ahead, columns)
    if not train or not test or validation == []:
        raise DataError(f"{recording.name}: no sequence is longer than the horizon of {ahead} steps; give longer ones")
    longest = max(len(stream) for stream in train)
    if options.window and options.window > longest:
        raise DataError(
            f"{recording.name}: the longest training sequence has {longest} steps, fewer than the window of {options.window}; "
            "choose a smaller --window"
        )
    window, stride = window_and_stride(options.window, options.stride, longest)
    notes: list[str] = []
    if task == "anomaly":
        train, validation, dropped = _normal(recording.name, train, validation, window)
        if dropped:
            notes.append(f"{dropped} steps in or between known anomalies were kept out of training")
    return DataSet(
        recording.name,
        cut(train, window, stride),
        padded(test),
        # Windows, not whole streams: they are validated after every epoch.
        None if validation is None else cut(validation, window, window),
        task,
        recording.class_names,
        recording.feature_names,
        columns if ahead else (),
        ahead,
        recording.test is not None,
        notes=(*recording.notes, *notes),
    )


def _sides(recording: Recording, task: TaskName, options: DataOptions) -> tuple[list[Stream], list[Stream] | None, list[Stream]]:
    """Return (train, validation, test). validation None: whole streams will be held out when training."""
    train = list(recording.train)
    if recording.test is None:
        train, test = _held_out(recording, train, options.test_share or (ANOMALY_TEST_SHARE if task == "anomaly" else TEST_SHARE))
    else:
        test = list(recording.test)
    if recording.validation is not None:
        return train, list(recording.validation), test
    if len(train) < ENOUGH_STREAMS:
        return *split_by_time(train, options.validation_share), test
    return train, None, test


def _shifted(streams: Sequence[Stream], horizon: int, columns: tuple[int, ...]) -> list[Stream]:
    return [stream.ahead(horizon, columns) for stream in streams if len(stream) > horizon]


def _normal(
    name: str, train: list[Stream], validation: list[Stream] | None, window: int
) -> tuple[list[Stream], list[Stream] | None, int]:
    """Return both sides without known anomalies, and how many steps went."""
    train, dropped = _without_anomalies(train, window)
    more = 0
    if validation is not None:
        validation, more = _without_anomalies(validation, 2)
    if not train or validation == []:
        raise DataError(
            f"{name}: known anomalies leave no {window} normal steps in a row to learn from; choose another --test-share"
        )
    return train, validation, dropped + more


def _without_anomalies(streams: Sequence[Stream], at_least: int) -> tuple[list[Stream], int]:
    """Split streams where anomalies are known, leaving them out; count the steps that went."""
    kept: list[Stream] = []
    dropped = 0
    for stream in streams:
        if stream.marks is None or not stream.marks.any():
            kept.append(stream)
            continue
        borders = np.flatnonzero(np.diff(np.r_[1, stream.marks, 1]))
        pieces = [(a, b) for a, b in zip(borders[::2], borders[1::2], strict=True) if b - a >= at_least]
        kept += [stream.part(int(a), int(b)) for a, b in pieces]
        dropped += len(stream) - sum(int(b - a) for a, b in pieces)
    return kept, dropped


def _held_out(recording: Recording, streams: list[Stream], share: float) -> tuple[list[Stream], list[Stream]]:
    subjects = np.array([stream.subject for stream in streams])
    if recording.grouped and len(np.unique(subjects)) > 1:
        held = hold_out(subjects, share, np.random.default_rng(SPLIT_SEED))
        sides = [[stream for stream, out in zip(streams, held, strict=True) if out == side] for side in (False, True)]
        return sides[0], sides[1]
    return split_by_time(streams, share)


def _labelled_windows(recording: Recording, options: DataOptions) -> DataSet:
    shortest = min(len(stream) for stream in recording.train)
    window, stride = window_and_stride(options.window, options.stride, shortest)
    parts: list[Part] = []
    validation: Part | None = None
    notes: list[str] = [] if options.window else [f"windows of {window} steps every {stride}; --window and --stride change that"]
    train = list(recording.train)
    test = None if recording.test is None else list(recording.test)
    if test is None and recording.grouped and len({stream.subject for stream in train}) > 1:
        train, test = _held_out(recording, train, options.test_share or TEST_SHARE)
    if test is not None:
        for streams in (train, test):
            placed = _placed(streams, window, stride)
            parts.append(_voted(streams, placed, window))
    else:
        placed = _placed(train, window, stride)
        labels = np.array([_vote(train[i].part(start, start + window)) for i, start in placed])
        kept, held = _last_of_each_class(placed, labels, options.test_share or TEST_SHARE, window)
        validating: list[int] = []
        if len(kept) > 1:
            places, few = [placed[i] for i in kept], labels[kept]
            still, last = _last_of_each_class(places, few, options.validation_share, window)
            kept, validating = [kept[i] for i in still], [kept[i] for i in last]
        parts = [_voted(train, [placed[i] for i in chosen], window) for chosen in (kept, held)]
        validation = _voted(train, [placed[i] for i in validating], window) if validating else None
        overlapping = len(placed) - len(kept) - len(held) - len(validating)
        notes.append(
            f"the last windows of each class test, those before them validate; {overlapping} that overlap these are dropped"
        )
    return DataSet(
        recording.name,
        parts[0],
        parts[1],
        validation,
        class_names=recording.class_names,
        feature_names=recording.feature_names,
        own_split=recording.test is not None,
        notes=(*recording.notes, *notes),
    )


def _placed(streams: Sequence[Stream], window: int, stride: int) -> list[tuple[int, int]]:
    """Return (stream, start) of every whole window."""
    placed = [(i, start) for i, stream in enumerate(streams) for start in range(0, len(stream) - window + 1, stride)]
    if not placed:
        longest = max(len(stream) for stream in streams)
        raise DataError(f"the longest sequence has {longest} steps, fewer than the window of {window}; choose a smaller --window")
    return placed


def _vote(stream: Stream) -> int:
    """Return the most frequent label of the steps."""
    assert stream.y is not None
    values, counts = np.unique(stream.y, return_counts=True)
    return int(values[counts.argmax()])


def _voted(streams: Sequence[Stream], placed: Sequence[tuple[int, int]], window: int) -> Part:
    pieces = [streams[i].part(start, start + window) for i, start in placed]
    return Part(
        np.stack([piece.x for piece in pieces]).astype(np.float32),
        np.array([_vote(piece) for piece in pieces], np.int64),
        subjects=np.array([piece.subject for piece in pieces]),
    )


def _last_of_each_class(placed: list[tuple[int, int]], labels: Any, share: float, window: int) -> tuple[list[int], list[int]]:
    """Hold out the last windows of each class; drop earlier ones that share steps with them."""
    held: list[int] = []
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label).tolist()
        held += of_class[len(of_class) - round(share * len(of_class)) :]
    held = sorted(held) or [len(placed) - 1]
    taken: dict[int, list[int]] = {}
    for index in held:
        taken.setdefault(placed[index][0], []).append(placed[index][1])
    out = set(held)
    kept = []
    for index, (stream, start) in enumerate(placed):
        starts = np.array(taken.get(stream, []))
        if index not in out and (not len(starts) or np.abs(starts - start).min() >= window):
            kept.append(index)
    if not kept:
        raise DataError(
            f"{len(placed)} overlapping windows leave none for training; choose a smaller --window or a larger --stride"
        )
    return kept, held


def _check_finite(name: str, stream: Stream) -> None:
    for what, values in (("inputs", stream.x), ("targets", stream.y)):
        if values is not None and values.dtype.kind == "f" and not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            raise DataError(f"{name}: {what} hold NaN or infinite values (first at step {row} of a sequence); clean it first")
