"""Reading data sets. Formats: docs/data.md.

A .npz holds X [n, time, features] and y, or X_train/y_train/X_test/y_test; optional
x_scale and x_offset turn stored integers into physical values, and len_* give the
valid steps of sequences that are padded at the end. A 2-D array is one stream.
"""

from __future__ import annotations

import csv
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.data.digits import load_digits
from edgeseq.errors import DataError

MAX_UNPACKED_BYTES = 4 << 30
KNOWN = ("digits",)
TEST_SHARE = 0.25
# What zipfile, zlib and numpy raise on damaged archives.
_UNREADABLE = (
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """Labelled windows in raw units.

    x_*: float32 (n, time, features); y_*: int64 (n,), classes 0..classes-1.
    """

    name: str
    x_train: npt.NDArray[np.float32]
    y_train: npt.NDArray[np.int64]
    x_test: npt.NDArray[np.float32]
    y_test: npt.NDArray[np.int64]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(max(self.y_train.max(), self.y_test.max())) + 1


def load_data(spec: str) -> DataSet:
    """Return a labelled data set: a known name or a .npz file. Raises DataError."""
    if spec in KNOWN:
        return DataSet("digits", *load_digits())
    path = Path(spec)
    arrays = _read_npz(path)
    if "X_train" in arrays:
        return _checked(
            path.stem,
            _windows(arrays, "train", path),
            _labels(arrays, "y_train", path),
            _windows(arrays, "test", path),
            _labels(arrays, "y_test", path),
        )
    if "X" not in arrays or "y" not in arrays:
        raise DataError(f"{path}: has {_names(arrays)}; expected X and y, or X_train, y_train, X_test and y_test")
    x, y = _windows(arrays, "", path), _labels(arrays, "y", path)
    if len(x) != len(y):
        raise DataError(f"{path}: X has {len(x)} windows and y {len(y)} labels")
    order = np.random.default_rng(0).permutation(len(x))
    test = max(1, round(TEST_SHARE * len(x)))
    return _checked(path.stem, x[order[test:]], y[order[test:]], x[order[:test]], y[order[:test]])


def load_windows(spec: str, part: str = "train") -> npt.NDArray[np.float32]:
    """Return unlabelled windows (n, time, features) for calibration or verification.

    spec: a known name, a .csv (one stream), FILE.npz, or FILE.npz:KEY. part: train or test.
    """
    if spec in KNOWN:
        data = load_data(spec)
        return data.x_train if part == "train" else data.x_test
    name, _, key = spec.rpartition(":") if ".npz:" in spec else (spec, "", "")
    path = Path(name)
    if path.suffix.lower() == ".csv":
        return _read_csv(path)[None]
    arrays = _read_npz(path)
    if key:
        if key not in arrays:
            raise DataError(f"{path}: has no array {key!r}; it has {_names(arrays)}")
        return _three_dimensional(_numbers(arrays[key], f"{path}:{key}"), f"{path}:{key}")
    for candidate in (part, ""):
        if f"X_{candidate}" in arrays or (not candidate and "X" in arrays):
            return _windows(arrays, candidate, path)
    raise DataError(f"{path}: has {_names(arrays)}; expected X or X_{part}, or name one as FILE.npz:KEY")


def _read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    if path.suffix.lower() != ".npz":
        raise DataError(f"{str(path)!r} is neither a .npz or .csv file nor a known data set ({', '.join(KNOWN)})")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise DataError(f"{path}: unpacks to {unpacked} bytes, more than the limit of {MAX_UNPACKED_BYTES}")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except ValueError as error:
        hint = "it holds Python objects; save plain numeric arrays" if "pickle" in str(error) else str(error)
        raise DataError(f"{path}: {hint}") from error
    except _UNREADABLE as error:
        raise DataError(f"{path}: not a readable .npz file ({error})") from error
    # numpy hands members that are no arrays back as bytes.
    foreign = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if foreign:
        raise DataError(f"{path}: {', '.join(foreign)} is not a numpy array; save it with numpy.savez")
    return arrays


def _read_csv(path: Path) -> npt.NDArray[np.float32]:
    rows: list[list[float]] = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.reader(file), start=1):
                if not row:
                    continue
                try:
                    rows.append([float(cell) for cell in row])
                except ValueError as error:
                    if number == 1:
                        continue  # a header line
                    raise DataError(f"{path}: line {number} is not numeric ({error}). Keep only the feature columns") from error
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    if not rows or len({len(row) for row in rows}) != 1:
        raise DataError(f"{path}: {'no rows' if not rows else 'rows of different lengths'}; expected one time step per line")
    return np.array(rows, np.float32)


def _numbers(array: npt.NDArray[Any], where: str) -> npt.NDArray[np.float32]:
    if array.dtype.kind not in "fiub":
        raise DataError(f"{where}: dtype {array.dtype} is not numeric")
    return array.astype(np.float32)


def _three_dimensional(x: npt.NDArray[np.float32], where: str) -> npt.NDArray[np.float32]:
    if x.ndim == 2:
        x = x[None]
    if x.ndim != 3 or x.size == 0:
        raise DataError(f"{where}: shape {x.shape}; expected (n, time, features), or (time, features) for one stream")
    return x


def _windows(arrays: dict[str, npt.NDArray[Any]], part: str, path: Path) -> npt.NDArray[np.float32]:
    key = f"X_{part}" if part else "X"
    if key not in arrays:
        raise DataError(f"{path}: has {_names(arrays)}; {key} is missing")
    x = _three_dimensional(_numbers(arrays[key], f"{path}:{key}"), f"{path}:{key}")
    x = x * arrays.get("x_scale", np.float32(1)).astype(np.float32) + arrays.get("x_offset", np.float32(0)).astype(np.float32)
    lengths = arrays.get(f"len_{part}")
    if lengths is not None and lengths.shape == (len(x),):
        x = _pad_in_front(x, np.clip(lengths, 1, x.shape[1]))
    return x


def _pad_in_front(x: npt.NDArray[np.float32], lengths: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Move the valid steps of windows that are padded at their end to the end.

    The last step of a window is then its last valid one, which is where a classifier is
    read; the padding in front holds the mean, which a Normalization layer turns into zero.
    """
    steps = x.shape[1]
    mean = x[np.arange(steps)[None, :] < lengths[:, None]].mean(axis=0)
    source = np.arange(steps)[None, :] - (steps - lengths[:, None])
    moved = np.take_along_axis(x, np.maximum(source, 0)[..., None], axis=1)
    return np.where((source >= 0)[..., None], moved, mean).astype(np.float32)


def _labels(arrays: dict[str, npt.NDArray[Any]], key: str, path: Path) -> npt.NDArray[np.int64]:
    if key not in arrays:
        raise DataError(f"{path}: has {_names(arrays)}; {key} is missing")
    y = arrays[key]
    if y.ndim != 1 or y.dtype.kind not in "iub" or (y.size and int(y.min()) < 0):
        raise DataError(f"{path}: {key} has shape {y.shape} and dtype {y.dtype}; expected one class 0..C-1 per window")
    return y.astype(np.int64)


def _checked(
    name: str,
    x_train: npt.NDArray[np.float32],
    y_train: npt.NDArray[np.int64],
    x_test: npt.NDArray[np.float32],
    y_test: npt.NDArray[np.int64],
) -> DataSet:
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y) or len(x) == 0:
            raise DataError(f"{name}: {part} has {len(x)} windows and {len(y)} labels; expected the same, at least 1")
        if not np.isfinite(x).all():
            raise DataError(f"{name}: {part} holds NaN or infinite values; clean it first")
    if x_train.shape[2] != x_test.shape[2]:
        raise DataError(f"{name}: train has {x_train.shape[2]} features and test {x_test.shape[2]}")
    if len(np.unique(y_train)) < 2:
        raise DataError(f"{name}: every training label is {int(y_train[0])}; a classifier needs at least two classes")
    return DataSet(name, x_train, y_train, x_test, y_test)


def _names(arrays: dict[str, npt.NDArray[Any]]) -> str:
    return ", ".join(arrays) or "no arrays"
