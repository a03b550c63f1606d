"""Reading data sets by what their name says they are. Formats: docs/data.md."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeseq.data import csv_file, npz_layouts, wav_folder
from edgeseq.data.digits import load_digits
from edgeseq.data.npz import Arrays, in_units, lengths_of, names, numbers, pad_in_front, read_npz, three_dimensional
from edgeseq.data.types import DataOptions, DataSet, Part
from edgeseq.errors import DataError

KNOWN = ("digits",)
# Options that mean something for each form; any other one was given by mistake.
_ALWAYS = {"task", "test_share", "validation_share"}
_STREAMS = {"window", "stride", "horizon", "target_max"}
APPLIES = {
    "npz": _ALWAYS | _STREAMS,
    "csv": _ALWAYS | _STREAMS | {"label", "target", "subject", "sequence", "features", "rows", "anomalies"},
    "wav": _ALWAYS | {"window", "subject", "rate_hz", "frame_ms", "hop_ms", "mel_bands"},
    "known": {"task", "validation_share"},
}


def load_data(spec: str, options: DataOptions | None = None) -> DataSet:
    """Return data to learn from: a known name, a .npz, a .csv or a folder of .wav files. Raises DataError."""
    options = options or DataOptions()
    path = Path(spec)
    if spec in KNOWN:
        _check_options(spec, "known", options)
        if options.task not in ("auto", "classification"):
            raise DataError(f"{spec} is classified; --task {options.task} does not fit")
        x_train, y_train, x_test, y_test = load_digits()
        return DataSet("digits", Part(x_train, y_train), Part(x_test, y_test), own_split=True)
    if path.is_dir():
        _check_options(spec, "wav", options)
        return wav_folder.data_set(path, options)
    if path.suffix.lower() == ".csv":
        _check_options(spec, "csv", options)
        return csv_file.data_set(path, options)
    arrays = _arrays(path)
    _check_options(spec, "npz", options)
    return npz_layouts.data_set(path, arrays, options)


def load_windows(spec: str, part: str = "train") -> npt.NDArray[np.float32]:
    """Return unlabelled windows (n, time, features) for calibration or verification.

    spec: a known name, a .csv (one stream, timestamps left out), FILE.npz, FILE.npz:KEY or a folder of .wav.
    part: train or test.
    """
    if spec in KNOWN or Path(spec).is_dir():
        data = load_data(spec)
        return data.x_train if part == "train" else data.x_test
    name, _, key = spec.rpartition(":") if ".npz:" in spec else (spec, "", "")
    path = Path(name)
    if path.suffix.lower() == ".csv":
        return csv_file.stream(path)[None]
    arrays = _arrays(path)
    if key:
        if key not in arrays:
            raise DataError(f"{path}: has no array {key!r}; it has {names(arrays)}")
        return three_dimensional(numbers(arrays[key], f"{path}:{key}"), f"{path}:{key}")
    for candidate in (part, ""):
        found = f"X_{candidate}" if candidate else "X"
        if found in arrays:
            x = three_dimensional(in_units(arrays, found, path), f"{path}:{found}")
            y = arrays.get(f"y_{candidate}" if candidate else "y")
            lengths = lengths_of(arrays, candidate, x, path)
            # Targets per step: the padding stays behind them, as in training.
            stays = lengths is None or (y is not None and y.ndim > 1 and y.shape[1] == x.shape[1] > 1)
            return x if stays or lengths is None else pad_in_front(x, lengths)
    raise DataError(f"{path}: has {names(arrays)}; expected X or X_{part}, or name one as FILE.npz:KEY")


def _arrays(path: Path) -> Arrays:
    if path.suffix.lower() != ".npz":
        raise DataError(
            f"{str(path)!r} is neither a .npz or .csv file, a folder of .wav files nor a known data set ({', '.join(KNOWN)})"
        )
    return read_npz(path)


def _check_options(spec: str, form: str, options: DataOptions) -> None:
    plain = DataOptions()
    for each in fields(options):
        if each.name not in APPLIES[form] and getattr(options, each.name) != getattr(plain, each.name):
            option = each.name.replace("_hz", "").replace("_", "-")
            raise DataError(f"--{option} does not apply to {spec}, which is {_FORMS[form]}")


_FORMS = {"npz": "a .npz", "csv": "a .csv", "wav": "a folder of .wav files", "known": "a known data set"}
