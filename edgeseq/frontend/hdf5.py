"""Bounded reading of HDF5 weight files: sizes are checked before any data is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
import numpy.typing as npt

from edgeseq.errors import ModelError
from edgeseq.frontend.source import MAX_WEIGHTS_PER_ARRAY


@contextmanager
def open_hdf5(source: IO[bytes] | Path, origin: str) -> Iterator[h5py.File]:
    """Open for reading; whatever the HDF5 library reports becomes a ModelError."""
    try:
        with h5py.File(source, "r") as file:
            yield file
    # h5py raises OSError, KeyError, RuntimeError, ValueError or TypeError on damaged files,
    # and MemoryError or OverflowError on absurd sizes.
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise ModelError(f"{origin}: the HDF5 weights are damaged or not HDF5 ({error}). Save the model again.") from error


def read_array(dataset: Any, where: str) -> npt.NDArray[np.float64]:
    """Return a numeric dataset as float64, refusing absurd sizes and non-finite values."""
    if not isinstance(dataset, h5py.Dataset):
        raise ModelError(f"{where}: expected a weight array, found {type(dataset).__name__}")
    if dataset.dtype.kind not in "fiu":
        raise ModelError(f"{where}: expected numbers, found dtype {dataset.dtype}")
    if dataset.size is None or dataset.size > MAX_WEIGHTS_PER_ARRAY:
        raise ModelError(f"{where}: shape {dataset.shape} is more than {MAX_WEIGHTS_PER_ARRAY} weights; refusing to read it")
    if dataset.external or dataset.is_virtual:
        raise ModelError(f"{where}: the array points outside its own file; refusing to follow it")
    values = np.asarray(dataset[()], dtype=np.float64)
    if not np.isfinite(values).all():
        bad = int(np.size(values) - np.isfinite(values).sum())
        raise ModelError(f"{where}: {bad} of {values.size} weights are NaN or infinite. Train again with a lower learning rate.")
    return values
