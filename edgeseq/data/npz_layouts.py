"""The layouts of a .npz: windows, rows of sequences, piano rolls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.data.from_streams import SPLIT_SEED, TEST_SHARE, Recording, from_streams
from edgeseq.data.labels import checked_labels, numbered
from edgeseq.data.npz import Arrays, in_units, key_of, lengths_of, names, pad_in_front, three_dimensional
from edgeseq.data.streams import Stream, hold_out, runs
from edgeseq.data.types import DataOptions, DataSet, Part, TaskName, per_step
from edgeseq.errors import DataError

# Run-to-failure sets name their arrays so; here they are rows of sequences.
ALIASES = {"train": "X_train", "test": "X_test", "unit_train": "sequence_train", "unit_test": "sequence_test"} | {
    f"rul_{part}": f"y_{part}" for part in ("train", "test")
}


def data_set(path: Path, arrays: Arrays, options: DataOptions) -> DataSet:
    """Return the labelled data of a .npz. Raises DataError naming what is missing."""
    if any(key.startswith("roll_") for key in arrays):
        return from_streams(_rolls(path, arrays), _wanted(options, "multilabel", ("multilabel",), path), options)
    if "unit_train" in arrays and "train" in arrays:
        arrays = {ALIASES.get(key, key): array for key, array in arrays.items()}
    whole = "X_train" not in arrays
    first = arrays.get("X" if whole else "X_train")
    unlabelled = options.task in ("forecast", "anomaly")
    if first is None or (not unlabelled and key_of("y", "" if whole else "train") not in arrays):
        raise DataError(
            f"{path}: has {names(arrays)}; expected X and y, or X_train, y_train, X_test and y_test. "
            "Without labels, --task forecast or anomaly learns from X alone"
        )
    if first.ndim == 2 or options.task in ("forecast", "anomaly"):
        return _of_streams(path, arrays, options, whole=whole)
    return _of_windows(path, arrays, options, whole=whole)


def deduced(y: npt.NDArray[Any], steps: int, where: str) -> TaskName:
    """Return the task that targets of this shape and type are for."""
    real = y.dtype.kind == "f"
    if y.ndim == 1:
        return "regression" if real else "classification"
    if y.ndim == 2 and not real and y.shape[1] == steps:
        return "tagging"
    if y.ndim == 2 and real:
        return "regression"
    if y.ndim == 3 and y.shape[1] == steps:
        return "regression" if real else "multilabel"
    raise DataError(
        f"{where} has shape {y.shape} and dtype {y.dtype}; expected classes (n,) or (n, time), values (n,), (n, k) or "
        f"(n, time, k), or 0/1 (n, time, k), with time {steps}"
    )


def _wanted(options: DataOptions, found: TaskName, allowed: tuple[TaskName, ...], path: Path) -> TaskName:
    if options.task == "auto":
        return found
    if options.task not in allowed:
        raise DataError(f"{path}: holds data for {', '.join(allowed)}; --task {options.task} does not fit")
    return options.task


def targets(y: npt.NDArray[Any], task: TaskName, steps: int, where: str) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Return targets in the form of the task, and class names if labels were names."""
    if task in ("classification", "tagging"):
        wanted = (y.ndim == 1) if task == "classification" else (y.ndim == 2 and y.shape[1] == steps)
        if not wanted or y.dtype.kind not in "iubfU":
            form = "one class per window (n,)" if task == "classification" else f"one class per step (n, {steps})"
            raise DataError(f"{where} has shape {y.shape} and dtype {y.dtype}; expected {form}")
        try:
            return numbered(y)
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
    if y.dtype.kind not in "fiub":
        raise DataError(f"{where}: dtype {y.dtype} is not numeric")
    if task == "multilabel":
        if y.ndim != 3 or not np.isin(y, (0, 1)).all():
            raise DataError(f"{where} has shape {y.shape}; expected 0 or 1 for each label (n, {steps}, k)")
        return y.astype(np.float32), ()
    values = y.astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError(f"{where}: targets hold NaN or infinite values; clean it first")
    if values.ndim == 1:
        return values[:, None], ()
    # One value per step and one value of several per window look alike; steps that fit mean steps.
    return (values[..., None] if values.ndim == 2 and values.shape[1] == steps > 1 else values), ()


def _of_windows(path: Path, arrays: Arrays, options: DataOptions, *, whole: bool) -> DataSet:
    task: TaskName | None = None
    parts: dict[str, Part] = {}
    class_names = tuple(str(name) for name in arrays["class_names"].ravel()) if "class_names" in arrays else ()
    for part in ("",) if whole else ("train", "test", "valid"):
        key = key_of("X", part)
        if part == "valid" and key not in arrays:
            continue
        x = three_dimensional(in_units(arrays, key, path), f"{path}:{key}")
        label_key = key_of("y", part)
        if label_key not in arrays:
            raise DataError(f"{path}: has {names(arrays)}; {label_key} is missing")
        y, where = arrays[label_key], f"{path}: {label_key}"
        if len(x) != len(y):
            raise DataError(f"{path}: {key} has {len(x)} windows and {label_key} {len(y)} labels")
        task = task or _wanted(
            options, deduced(y, x.shape[1], where), ("classification", "tagging", "regression", "multilabel"), path
        )
        y, label_names = targets(y, task, x.shape[1], where)
        class_names = class_names or label_names
        if not np.isfinite(x).all():
            raise DataError(f"{path}: {key} holds NaN or infinite values; clean it first")
        lengths = lengths_of(arrays, part, x, path)
        if lengths is not None and not per_step(task, y):
            x = pad_in_front(x, lengths)
        parts[part] = Part(x, _capped(y, options), lengths, _subjects(arrays, part, len(x), path))
    assert task is not None
    note = () if options.task != "auto" else (f"task: {task}, from y of shape {_shape(arrays, whole)}",)
    train, test, leak = _split(parts, options, path)
    _check_alike(path, train, {"test": test, "valid": parts.get("valid")})
    feature_names = tuple(str(name) for name in arrays["feature_names"].ravel()) if "feature_names" in arrays else ()
    data = DataSet(
        path.stem, train, test, parts.get("valid"), task, class_names, feature_names, own_split=not whole, notes=(*note, *leak)
    )
    return checked_labels(data) if task in ("classification", "tagging") else data


def _check_alike(path: Path, train: Part, others: Mapping[str, Part | None]) -> None:
    """Raise DataError unless all parts have the features and outputs of train."""
    for name, part in others.items():
        if part is None:
            continue
        if part.x.shape[2] != train.x.shape[2]:
            raise DataError(f"{path}: train has {train.x.shape[2]} features and {name} {part.x.shape[2]}")
        assert train.y is not None
        assert part.y is not None
        if part.y.ndim != train.y.ndim or (train.y.dtype.kind == "f" and part.y.shape[-1] != train.y.shape[-1]):
            raise DataError(f"{path}: y_train has shape {train.y.shape} and y_{name} {part.y.shape}; expected as many outputs")


def _shape(arrays: Arrays, whole: bool) -> str:
    y = arrays[key_of("y", "" if whole else "train")]
    return f"{y.shape} and dtype {y.dtype}"


def _capped(y: npt.NDArray[Any], options: DataOptions) -> npt.NDArray[Any]:
    return y if options.target_max is None else np.minimum(y, np.asarray(options.target_max, y.dtype))


def _subjects(arrays: Arrays, part: str, windows: int, path: Path) -> npt.NDArray[Any] | None:
    subjects = arrays.get(key_of("subject", part))
    if subjects is not None and subjects.shape != (windows,):
        raise DataError(f"{path}: {key_of('subject', part)} has shape {subjects.shape}; expected one per window, ({windows},)")
    return subjects


def _split(parts: dict[str, Part], options: DataOptions, path: Path) -> tuple[Part, Part, tuple[str, ...]]:
    """Return the given split with a warning of leaks, or split: by subject where there are any, else by a seeded draw."""
    if "train" in parts:
        train, test = parts["train"], parts["test"]
        if train.subjects is None or test.subjects is None:
            return train, test, ()
        shared = np.intersect1d(train.subjects, test.subjects)
        few = f"{', '.join(map(str, shared[:5]))}{', ...' if len(shared) > 5 else ''}"
        leak = f"warning: {len(shared)} subjects ({few}) are in both train and test; the test figures flatter the model"
        return train, test, (leak,) if len(shared) else ()
    whole, share = parts[""], options.test_share or TEST_SHARE
    if len(whole) < 2:
        raise DataError(f"{path}: {len(whole)} window; at least 2 are needed to train and to test")
    rng = np.random.default_rng(SPLIT_SEED)
    if whole.subjects is not None:
        held = hold_out(whole.subjects, share, rng)
        return whole.take(~held), whole.take(held), ()
    order = rng.permutation(len(whole))
    test_windows = min(max(1, round(share * len(whole))), len(whole) - 1)
    return whole.take(order[test_windows:]), whole.take(order[:test_windows]), ()


def _of_streams(path: Path, arrays: Arrays, options: DataOptions, *, whole: bool) -> DataSet:
    """Rows of one or more sequences, or windows as streams of their own for forecasts."""
    streams: dict[str, tuple[Stream, ...]] = {}
    task: TaskName = options.task if options.task != "auto" else "classification"
    class_names: tuple[str, ...] = tuple(str(n) for n in arrays["class_names"].ravel()) if "class_names" in arrays else ()
    note: tuple[str, ...] = ()
    for part in ("",) if whole else ("train", "test", "valid"):
        key, label_key = key_of("X", part), key_of("y", part)
        if part and part != "train" and key not in arrays:
            continue
        rows = in_units(arrays, key, path)
        y = arrays.get(label_key)
        if rows.ndim == 3:
            streams[part] = _windows_as_streams(rows, y, lengths_of(arrays, part, rows, path), f"{path}: {label_key}", options)
            continue
        if y is not None and len(y) != len(rows):
            raise DataError(f"{path}: {key} has {len(rows)} rows, one per step, and {label_key} {len(y)} labels")
        marks = None
        if task in ("forecast", "anomaly"):
            marks, y = (None if y is None or task == "forecast" else (y != 0).astype(np.int8)), None
        else:
            assert y is not None
            run_to_failure = f"sequence_{part}" in arrays and options.task == "auto"
            task = "regression" if run_to_failure or (options.task == "auto" and y.dtype.kind == "f") else task
            if options.task == "auto":
                note = note or (f"task: {task}, from {label_key} of dtype {y.dtype} along a stream",)
            y, label_names = targets(y[None] if task == "tagging" else y, task, len(rows), f"{path}: {label_key}")
            y, class_names = _capped(y[0] if task == "tagging" else y, options), class_names or label_names
        owner = next((arrays[k] for k in (key_of("sequence", part), key_of("subject", part)) if k in arrays), np.zeros(len(rows)))
        borders = runs(owner)
        streams[part] = tuple(
            Stream(rows[a:b], None if y is None else y[a:b], None if marks is None else marks[a:b], owner[a]) for a, b in borders
        )
    first = streams["" if whole else "train"]
    recording = Recording(
        path.stem,
        first,
        streams.get("test"),
        streams.get("valid"),
        grouped=len(first) > 1,
        class_names=class_names,
        notes=note,
    )
    data = from_streams(recording, task, options)
    return checked_labels(data) if task in ("classification", "tagging") else data


def _windows_as_streams(
    rows: npt.NDArray[np.float32], y: npt.NDArray[Any] | None, lengths: Any, where: str, options: DataOptions
) -> tuple[Stream, ...]:
    marks = None
    if y is not None and options.task == "anomaly":
        if y.shape not in ((len(rows),), rows.shape[:2]):
            raise DataError(
                f"{where} has shape {y.shape}; expected 0 (normal) or 1 per window ({len(rows)},) or per step {rows.shape[:2]}"
            )
        marks = np.broadcast_to((y != 0).reshape(len(rows), -1), rows.shape[:2]).astype(np.int8)
    stop = [rows.shape[1]] * len(rows) if lengths is None else lengths.tolist()
    return tuple(
        Stream(rows[i, :n], marks=None if marks is None else marks[i, :n], subject=i)
        for i, n in zip(range(len(rows)), stop, strict=True)
    )


def _rolls(path: Path, arrays: Arrays) -> Recording:
    """Piano rolls: rows of all pieces one after the other, and the steps of each piece."""
    streams: dict[str, tuple[Stream, ...]] = {}
    for part in ("train", "valid", "test"):
        roll, lengths = arrays.get(f"roll_{part}"), arrays.get(f"len_{part}")
        if roll is None or lengths is None:
            raise DataError(f"{path}: has {names(arrays)}; expected roll_{part} and len_{part}")
        if roll.ndim != 2 or int(lengths.sum()) != len(roll) or not np.isin(roll, (0, 1)).all():
            raise DataError(
                f"{path}: roll_{part} has shape {roll.shape}; expected 0/1 (sum of len_{part} = {int(lengths.sum())}, notes)"
            )
        ends = np.cumsum(lengths)
        streams[part] = tuple(
            Stream(roll[end - n : end].astype(np.float32), subject=i)
            for i, (end, n) in enumerate(zip(ends, lengths, strict=True))
        )
    return Recording(
        path.stem,
        streams["train"],
        streams["test"],
        streams["valid"],
        grouped=True,
        notes=("task: multilabel, the next step of each roll",),
    )
