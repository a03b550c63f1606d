"""Reading .csv files: windows of named columns, as the options say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.data.csv_table import Table, read_table, seconds
from edgeseq.data.from_streams import Recording, from_streams
from edgeseq.data.labels import checked_labels, numbered
from edgeseq.data.npz_layouts import targets
from edgeseq.data.streams import Stream, runs
from edgeseq.data.types import DataOptions, DataSet, FloatArray, TaskName
from edgeseq.errors import DataError


def feature_columns(table: Table, options: DataOptions, *, without: Sequence[str | None] = ()) -> tuple[str, ...]:
    """Return the columns that are inputs: those named, or all but timestamps and those with another role."""
    if options.features:
        for name in options.features:
            table.column(name, "--features")
        return options.features
    columns = tuple(name for name in table.header if name not in table.timestamps and name not in without)
    if not columns:
        raise DataError(f"{table.path}: no feature columns are left of {', '.join(table.header)}")
    return columns


def stream(path: Path) -> FloatArray:
    """Return all columns but timestamps as one stream, (time, features)."""
    table = read_table(path)
    return table.numbers(feature_columns(table, DataOptions()))


def data_set(path: Path, options: DataOptions) -> DataSet:
    """Return windows of a .csv as the options say. Raises DataError."""
    table = read_table(path)
    if options.rows:
        return _of_rows(table, options)
    task = _task(table, options)
    keeps_target = task in ("forecast", "anomaly")
    roles = (options.label, options.subject, options.sequence, None if keeps_target else options.target)
    columns = feature_columns(table, options, without=roles)
    x = table.numbers(columns)
    notes = [f"task: {task}, from the options given"] if options.task == "auto" else []
    dropped = [name for name in table.timestamps if name not in columns]
    if dropped:
        notes.append(f"column {', '.join(dropped)} holds timestamps and is no input")
    y: npt.NDArray[Any] | None = None
    marks: npt.NDArray[np.int8] | None = None
    class_names: tuple[str, ...] = ()
    target_columns: tuple[int, ...] = ()
    if task == "anomaly":
        marks = _marks(table, options)
    elif task == "regression":
        assert options.target is not None
        table.column(options.target, "--target")
        y, _ = targets(table.numbers([options.target])[:, 0], task, len(x), options.target)
        y = y if options.target_max is None else np.minimum(y, np.float32(options.target_max))
    elif task in ("classification", "tagging"):
        assert options.label is not None
        y, class_names = numbered(np.array(table.column(options.label, "--label")))
    if keeps_target and options.target is not None:
        if options.target not in columns:
            table.column(options.target, "--target")
            raise DataError(f"{path}: the target {options.target!r} must be an input too; add it to --features")
        target_columns = (columns.index(options.target),)
    owners = [
        table.column(name, f"--{role}") for role, name in (("sequence", options.sequence), ("subject", options.subject)) if name
    ]
    joined = np.array([" ".join(pair) for pair in zip(*owners, strict=True)]) if owners else np.zeros(len(x), np.int64)
    subject = np.array(table.column(options.subject, "--subject")) if options.subject else joined
    streams = tuple(
        Stream(x[a:b], None if y is None else y[a:b], None if marks is None else marks[a:b], subject[a]) for a, b in runs(joined)
    )
    recording = Recording(path.stem, streams, None, None, bool(owners), columns, class_names, target_columns, tuple(notes))
    if task == "classification" and options.sequence and options.window is None:
        from edgeseq.data.whole import whole_sequences

        return whole_sequences(recording, options)
    data = from_streams(recording, task, options)
    return checked_labels(data) if task in ("classification", "tagging") else data


def _task(table: Table, options: DataOptions) -> TaskName:
    if options.task != "auto":
        needs = {"classification": "label", "tagging": "label", "regression": "target"}.get(options.task)
        if needs and getattr(options, needs) is None:
            raise DataError(f"{table.path}: --task {options.task} needs --{needs} COLUMN; columns are {', '.join(table.header)}")
        if options.task == "multilabel":
            raise DataError(f"{table.path}: multilabel data is read from .npz; see docs/data.md")
        return options.task
    if options.anomalies is not None:
        return "anomaly"
    if options.label is not None:
        return "classification"
    if options.target is not None:
        return "forecast"
    raise DataError(
        f"{table.path}: a stream of {', '.join(table.header)} without a task. Name --label COLUMN (classification), "
        "--target COLUMN (forecast), or pass --task forecast or anomaly"
    )


def _marks(table: Table, options: DataOptions) -> npt.NDArray[np.int8] | None:
    """Return 1 for each row of a known anomaly, from a column or from spans in a JSON file."""
    if options.label is not None:
        labels, names = numbered(np.array(table.column(options.label, "--label")))
        if names:
            raise DataError(f"{table.path}: column {options.label!r} holds names; expected 0 (normal) or 1 (anomaly)")
        return (labels != 0).astype(np.int8)
    if options.anomalies is None:
        return None
    spans = _spans(Path(options.anomalies), table.path)
    timed = any(isinstance(edge, str) for span in spans for edge in span)
    position = table.times() if timed else np.arange(len(table.rows), dtype=np.float64)
    marks = np.zeros(len(position), np.int8)
    for start, stop in spans:
        low, high = (seconds(edge) if isinstance(edge, str) else float(edge) for edge in (start, stop))
        marks[(position >= low) & (position <= high)] = 1
    return marks


def _spans(path: Path, data: Path) -> list[Any]:
    """Return [[start, end], ...] of a JSON file: a list, or one list per file name, as the NAB has it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error})") from error
    if isinstance(document, dict):
        known = [key for key in document if Path(key).name == data.name]
        key = next((key for key in known if data.as_posix().endswith(key)), known[0] if known else None)
        if key is None:
            raise DataError(f"{path}: names no spans for {data.name}; it has {', '.join(list(document)[:5])}")
        document = document[key]
    spans_fit = isinstance(document, list) and all(
        isinstance(span, list) and len(span) == 2 and len({isinstance(edge, str) for edge in span}) == 1 for span in document
    )
    if not spans_fit:
        raise DataError(f"{path}: expected a list of [start, end], as times or as row numbers from 0")
    return list(document)


def _of_rows(table: Table, options: DataOptions) -> DataSet:
    """Each line is one window of one feature, beside its label or target."""
    from edgeseq.data.npz_layouts import data_set as of_arrays

    role = options.label or options.target
    if role is None:
        raise DataError(
            f"{table.path}: windows in rows need --label COLUMN or --target COLUMN; without a header, columns are 1, 2, ..."
        )
    option = "--label" if options.label else "--target"
    columns = feature_columns(table, options, without=(role, options.subject))
    arrays: dict[str, npt.NDArray[Any]] = {"X": table.numbers(columns)[..., None]}
    if options.label:
        labels, names = numbered(np.array(table.column(role, option)))
        arrays |= {"y": labels} | ({"class_names": np.array(names)} if names else {})
    else:
        table.column(role, option)
        arrays["y"] = table.numbers([role])[:, 0]
    if options.subject:
        arrays["subject"] = np.array(table.column(options.subject, "--subject"))
    return of_arrays(table.path, arrays, options)
