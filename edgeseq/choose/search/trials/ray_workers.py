"""Workers on the machines of a Ray cluster: a job is a task that Ray runs again where a node dies."""

from __future__ import annotations

import logging
import os
from typing import Any

from edgeseq.choose.processes import ONE_THREAD
from edgeseq.choose.search.trials.workers import Outcome, Work, guarded
from edgeseq.data import DataSet
from edgeseq.errors import MissingExtraError, SearchError

# How often Ray itself repeats a task whose worker or node died.
RETRIES = 3


class RayWorkers:
    """One task a core of the cluster. Nodes may come and go; each must have edgeseq installed."""

    def __init__(self, data: DataSet, address: str, slots: int | None = None) -> None:
        """Join a cluster. address: auto or ray://HOST:PORT. slots: at most so many tasks; None: a core each.

        Raises MissingExtraError without Ray, SearchError where no cluster answers.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as error:
            raise MissingExtraError("ray", "cluster") from error
        self._ray, self._limit = ray, slots
        try:
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, runtime_env={"env_vars": ONE_THREAD})
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise SearchError(
                f"--cluster {address}: no Ray cluster answers ({error}). Start one with 'ray start --head', "
                "name it as ray://HOST:10001, or leave --cluster out"
            ) from error
        self._data = ray.put(data)
        # SPREAD: two tasks on one machine while another idles would not be faster than one.
        self._task = ray.remote(num_cpus=1, max_retries=RETRIES, scheduling_strategy="SPREAD")(_work)
        self._jobs: dict[Any, int] = {}
        self._submitted = 0

    @property
    def slots(self) -> int:
        """Cores of the nodes that are alive now."""
        cores = max(1, int(self._ray.cluster_resources().get("CPU", 1)))  # type: ignore[no-untyped-call] # Ray has no types for it
        return cores if self._limit is None else min(cores, self._limit)

    @property
    def running(self) -> int:
        """Tasks under way."""
        return len(self._jobs)

    def submit(self, work: Work, *arguments: Any) -> int:
        """Begin a task."""
        self._submitted += 1
        self._jobs[self._task.remote(work, self._data, arguments)] = self._submitted
        return self._submitted

    def wait(self, timeout_s: float) -> list[Outcome]:
        """Return the tasks that ended, after at most this long."""
        if not self._jobs:
            return []
        done, _ = self._ray.wait(list(self._jobs), num_returns=1, timeout=timeout_s)
        return [self._outcome(reference, self._jobs.pop(reference)) for reference in done]

    def _outcome(self, reference: Any, job: int) -> Outcome:
        try:
            value, error = self._ray.get(reference)
            return Outcome(job, value, error)
        except self._ray.exceptions.RayError as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else ""
            return Outcome(job, error=f"its worker was lost ({type(error).__name__}: {first})", lost=True)

    def close(self) -> None:
        """Cancel what runs and leave the cluster."""
        for reference in self._jobs:
            self._ray.cancel(reference, force=True)
        self._jobs.clear()
        self._ray.shutdown()


def _work(work: Work, data: DataSet, arguments: tuple[Any, ...]) -> tuple[Any, str | None]:
    return guarded(work, data, arguments)
