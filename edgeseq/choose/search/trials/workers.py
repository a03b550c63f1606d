"""Who does the work: processes of this machine, each with the data and one thread of TensorFlow."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Protocol

from edgeseq.choose.processes import one_thread, quieten, settle
from edgeseq.data import DataSet
from edgeseq.errors import EdgeseqError

# Called in a worker with the data and the job's arguments.
Work = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended. error: why it has no value; lost: its worker died, which says nothing about the job."""

    job: int
    value: Any = None
    error: str | None = None
    lost: bool = False


class Workers(Protocol):
    """Does jobs side by side. Siblings: LocalWorkers, and RayWorkers for more than one machine."""

    @property
    def slots(self) -> int:
        """Jobs that run at the same time."""
        ...

    @property
    def running(self) -> int:
        """Jobs that were submitted and have not ended."""
        ...

    def submit(self, work: Work, *arguments: Any) -> int:
        """Begin a job: work(data, *arguments). Return its number."""
        ...

    def wait(self, timeout_s: float) -> list[Outcome]:
        """Return the jobs that ended, after at most this long."""
        ...

    def close(self) -> None:
        """Stop everything, running jobs too."""
        ...


def cores_here() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def guarded(work: Work, data: DataSet, arguments: tuple[Any, ...]) -> tuple[Any, str | None]:
    """Return (value, None) or (None, what went wrong): every outcome can be sent between processes."""
    quieten()
    try:
        return work(data, *arguments), None
    except EdgeseqError as error:
        return None, str(error)
    except Exception as error:  # noqa: BLE001 - a trial that fails must not end the search; the words are kept
        place = traceback.extract_tb(error.__traceback__)[-1]
        return None, f"{type(error).__name__}: {error} ({os.path.basename(place.filename)}:{place.lineno})"  # noqa: PTH119 - a name


class LocalWorkers:
    """A process for each slot. A process that dies takes its own job with it, and no other."""

    def __init__(self, data: DataSet, slots: int) -> None:
        self._data, self._slots = data, slots
        self._pools: dict[int, ProcessPoolExecutor] = {}
        # Its number, and whose it is.
        self._jobs: dict[Future[Any], tuple[int, ProcessPoolExecutor]] = {}
        self._submitted = 0

    @property
    def slots(self) -> int:
        """Processes."""
        return self._slots

    @property
    def running(self) -> int:
        """Jobs under way."""
        return len(self._jobs)

    def submit(self, work: Work, *arguments: Any) -> int:
        """Give a job to a process that has none, or the least to do."""
        load = [sum(pool is self._pools.get(slot) for _, pool in self._jobs.values()) for slot in range(self._slots)]
        slot = load.index(min(load))
        try:
            future = self._pool(slot).submit(_work, work, arguments)
        except BrokenProcessPool:  # it died while it had nothing to do
            self._drop(self._pools[slot])
            future = self._pool(slot).submit(_work, work, arguments)
        self._submitted += 1
        self._jobs[future] = (self._submitted, self._pools[slot])
        return self._submitted

    def _pool(self, slot: int) -> ProcessPoolExecutor:
        if slot not in self._pools:
            self._pools[slot] = _pool(self._data)
        return self._pools[slot]

    def _drop(self, broken: ProcessPoolExecutor) -> None:
        """Forget a pool whose process died, unless another took its place already."""
        for slot, pool in list(self._pools.items()):
            if pool is broken:
                del self._pools[slot]
        broken.shutdown(wait=False)

    def wait(self, timeout_s: float) -> list[Outcome]:
        """Return the jobs that ended, after at most this long."""
        done, _ = wait(list(self._jobs), timeout_s, FIRST_COMPLETED)
        outcomes = []
        for future in done:
            job, pool = self._jobs.pop(future)
            try:
                value, error = future.result()
                outcomes.append(Outcome(job, value, error))
            except BrokenProcessPool:
                self._drop(pool)
                outcomes.append(Outcome(job, error="its worker process died", lost=True))
        return outcomes

    def close(self) -> None:
        """End the processes, whatever they do."""
        for pool in self._pools.values():
            processes: Mapping[int, Any] = getattr(pool, "_processes", None) or {}
            for process in list(processes.values()):
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)
        self._pools.clear()
        self._jobs.clear()


def _pool(data: DataSet) -> ProcessPoolExecutor:
    with one_thread():
        pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _start, (data,))
        pool.submit(os.getpid)  # starts the process now, in this environment
        return pool


_DATA: DataSet


def _start(data: DataSet) -> None:
    """Begin a worker with the data."""
    global _DATA  # noqa: PLW0603 - what a worker holds for all its jobs
    _DATA = data
    settle()


def _work(work: Work, arguments: tuple[Any, ...]) -> tuple[Any, str | None]:
    return guarded(work, _DATA, arguments)
