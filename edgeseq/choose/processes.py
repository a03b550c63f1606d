"""What all processes that train have in common: one thread each, Ctrl-C left to their parent, gone when it is."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection

# As many processes as cores share them without waiting for each other.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


@contextmanager
def one_thread() -> Iterator[None]:
    """Have processes that start meanwhile compute in one thread each: libraries read this as they load."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def settle() -> None:
    """Begin a process: Ctrl-C reaches all processes of a terminal and the parent decides; without a parent it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    quieten()


def quieten() -> None:
    """Each model is a graph of its own: TensorFlow takes their number for a mistake."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def _leave_with_parent() -> None:
    """A parent that was killed cannot stop its processes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
