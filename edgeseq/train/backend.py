"""Importing Keras, and saying what it runs on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from edgeseq._version import __version__
from edgeseq.errors import MissingExtraError


def import_keras() -> Any:
    """Import Keras, quietly, or say how to install it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _quiet_stderr():
            import keras

            keras.ops.zeros(1)  # the first operation starts the backend, which prints too
    except ImportError as error:
        raise MissingExtraError("keras", "train") from error
    return keras


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hide what TensorFlow's C++ side writes to file descriptor 2 before its log level applies."""
    saved = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


def device(keras: Any) -> str:
    """Return the devices that Keras trains on, such as 'gpu:0', or 'cpu:0' without one."""
    found = keras.distribution.list_devices("gpu") or keras.distribution.list_devices("cpu")
    return ", ".join(str(name) for name in found)


def versions(keras: Any) -> dict[str, str]:
    """Return the versions that a run depends on."""
    backend = keras.backend.backend()
    module = __import__(backend)
    return {
        "edgeseq": __version__,
        "python": platform.python_version(),
        "keras": keras.__version__,
        backend: module.__version__,
        "numpy": np.__version__,
    }
