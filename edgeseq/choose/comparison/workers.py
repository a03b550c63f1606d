"""Processes that train: spawned, one TensorFlow thread each, gone when the process that started them is."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from edgeseq.choose.comparison.plan import Plan
from edgeseq.choose.processes import one_thread, settle
from edgeseq.data import DataSet
from edgeseq.errors import TrainingError

T = TypeVar("T")
_shared: tuple[DataSet, Plan, Path] | None = None  # of a worker


class Workers:
    """Runs functions of (data, plan, folder, *arguments) in other processes."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Run `function(data, plan, folder, *arguments)` when a process is free."""
        return self._pool.submit(_call, function, arguments)


@contextmanager
def workers(data: DataSet, plan: Plan, folder: Path, jobs: int) -> Iterator[Workers]:
    """Yield `jobs` processes; they are stopped where they are when the block ends, by an error or Ctrl-C too.

    Raises TrainingError where one of them dies.
    """
    before = {child.pid for child in multiprocessing.active_children()}
    context = multiprocessing.get_context("spawn")
    with one_thread():
        pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(data, plan, folder))
        try:
            yield Workers(pool)
        except BrokenProcessPool as error:
            raise TrainingError(
                "a process that trains has died, for want of memory perhaps (fewer --jobs need less). Finished models are kept; "
                "go on with --resume"
            ) from error
        except BaseException:
            # What a process is at would take minutes to end.
            for child in multiprocessing.active_children():
                if child.pid not in before:
                    child.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin(data: DataSet, plan: Plan, folder: Path) -> None:
    global _shared  # noqa: PLW0603  a process has one comparison, handed over once instead of with every call
    _shared = (data, plan, folder)
    settle()


def _call(function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    assert _shared is not None
    return function(*_shared, *arguments)
