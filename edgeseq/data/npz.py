"""Reading .npz archives without trusting them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.data.types import FloatArray, IntArray
from edgeseq.errors import DataError

MAX_UNPACKED_BYTES = 4 << 30
Arrays = dict[str, npt.NDArray[Any]]
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


def read_npz(path: Path) -> Arrays:
    """Return all arrays of a .npz. Python objects are refused, never unpickled."""
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
        hint = "it holds Python objects (ragged lists?); save plain numeric arrays" if "pickle" in str(error) else str(error)
        raise DataError(f"{path}: {hint}") from error
    except _UNREADABLE as error:
        raise DataError(f"{path}: not a readable .npz file ({error})") from error
    # numpy hands members that are no arrays back as bytes.
    foreign = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if foreign:
        raise DataError(f"{path}: {', '.join(foreign)} is not a numpy array; save it with numpy.savez")
    return arrays


def names(arrays: Arrays) -> str:
    """Return the names of all arrays, for messages."""
    return ", ".join(arrays) or "no arrays"


def numbers(array: npt.NDArray[Any], where: str) -> FloatArray:
    """Return the array as float32, or refuse what is no number."""
    if array.dtype.kind not in "fiub":
        raise DataError(f"{where}: dtype {array.dtype} is not numeric")
    return array.astype(np.float32)


def three_dimensional(x: FloatArray, where: str) -> FloatArray:
    """Return (n, time, features); (time, features) is one stream."""
    if x.ndim == 2:
        x = x[None]
    if x.ndim != 3 or x.size == 0:
        raise DataError(f"{where}: shape {x.shape}; expected (n, time, features), or (time, features) for one stream")
    return x


def key_of(base: str, part: str) -> str:
    """Return the array name of a part, such as X_train, or X for the whole."""
    return f"{base}_{part}" if part else base


def in_units(arrays: Arrays, key: str, path: Path) -> FloatArray:
    """Return an array of inputs in physical units: x * x_scale + x_offset."""
    if key not in arrays:
        raise DataError(f"{path}: has {names(arrays)}; {key} is missing")
    x = numbers(arrays[key], f"{path}:{key}")
    scale, offset = (
        numbers(arrays[k], f"{path}:{k}") if k in arrays else np.float32(v) for k, v in (("x_scale", 1), ("x_offset", 0))
    )
    try:
        return (x * scale + offset).astype(np.float32)
    except ValueError as error:
        raise DataError(f"{path}: x_scale or x_offset does not fit {key} of shape {x.shape}; expected one per feature") from error


def lengths_of(arrays: Arrays, part: str, x: FloatArray, path: Path) -> IntArray | None:
    """Return the valid steps of each window, or None if all are whole."""
    key = key_of("len", part)
    lengths = arrays.get(key)
    if lengths is None:
        return None
    if lengths.shape != (len(x),) or lengths.dtype.kind not in "iu":
        raise DataError(f"{path}: {key} has shape {lengths.shape} and dtype {lengths.dtype}; expected {len(x)} whole numbers")
    if lengths.min() < 1 or lengths.max() > x.shape[1]:
        raise DataError(f"{path}: {key} ranges from {lengths.min()} to {lengths.max()}; expected 1 to {x.shape[1]}")
    return None if (lengths == x.shape[1]).all() else lengths.astype(np.int64)


def pad_in_front(x: FloatArray, lengths: IntArray) -> FloatArray:
    """Move the valid steps of windows that are padded at their end to the end.

    The last step of a window is then its last valid one, which is where a classifier is
    read; the padding in front holds the mean, which a Normalization layer turns into zero.
    """
    steps = x.shape[1]
    mean = x[np.arange(steps)[None, :] < lengths[:, None]].mean(axis=0)
    source = np.arange(steps)[None, :] - (steps - lengths[:, None])
    moved = np.take_along_axis(x, np.maximum(source, 0)[..., None], axis=1)
    return np.where((source >= 0)[..., None], moved, mean).astype(np.float32)
