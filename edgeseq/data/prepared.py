"""Writing the windows that training saw, so that other commands can calibrate and verify on them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.data.types import DataSet, Part
from edgeseq.errors import OutputError
from edgeseq.files import write_atomically


def save_data(data: DataSet, path: Path) -> None:
    """Write a .npz that load_data reads back: X_train, y_train, len_train, subject_train and so on. Raises OutputError."""
    if path.suffix.lower() != ".npz":
        raise OutputError(f"{path}: the file must end in .npz")
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, part in parts(data).items():
        arrays[f"X_{name}"] = _padding_last(part, at_end=data.padded_at_end)
        if part.y is not None:
            arrays[f"y_{name}"] = part.y[..., 0] if part.y.dtype.kind == "f" and part.y.shape[-1] == 1 else part.y
        for key, array in (("len", part.lengths), ("subject", part.subjects), ("marks", part.marks)):
            if array is not None:
                arrays[f"{key}_{name}"] = array
    if data.task == "multilabel":
        arrays |= {key: array.astype(np.uint8) for key, array in arrays.items() if key.startswith("y_")}
    for key, names in (("class_names", data.class_names), ("feature_names", data.feature_names)):
        if names:
            arrays[key] = np.array(names)
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    write_atomically(path, stream.getvalue())


def parts(data: DataSet) -> dict[str, Part]:
    """Return the parts there are, by the names that a .npz gives them."""
    given = {"train": data.train, "valid": data.validation, "test": data.test}
    return {name: part for name, part in given.items() if part is not None}


def fingerprint(data: DataSet) -> str:
    """Return the SHA-256 of all arrays that training and testing see: equal for equal data, wherever it lies."""
    digest = hashlib.sha256()
    for name, part in parts(data).items():
        for key, array in (
            ("x", part.x),
            ("y", part.y),
            ("len", part.lengths),
            ("subject", part.subjects),
            ("marks", part.marks),
        ):
            if array is not None:
                digest.update(f"{name} {key} {array.dtype} {array.shape}\n".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _padding_last(part: Part, *, at_end: bool) -> npt.NDArray[np.float32]:
    """Return x with padding, zero, at the end, as files have it."""
    if part.lengths is None or at_end:
        return part.x
    x = np.zeros_like(part.x)
    for row, window, n in zip(x, part.x, part.lengths.tolist(), strict=True):
        row[:n] = window[-n:]
    return x
