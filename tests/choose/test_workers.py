"""Processes that do jobs: one that dies takes its own job along, and is replaced."""

import multiprocessing
import os
import time

from edgeseq.choose.search.trials.workers import LocalWorkers
from tests.choose.made_up import data_set


def work_or_die(data, what):
    if what == "die":
        os.kill(os.getpid(), 9)
    if what == "fail":
        raise ValueError("no such thing")
    return len(data.train), what, multiprocessing.parent_process() is not None


def test_a_process_that_dies_takes_no_other_job_along():
    """Each slot has its own process; one that died is replaced, and an exception is words."""
    data = data_set()
    workers = LocalWorkers(data, 2)
    try:
        jobs = {workers.submit(work_or_die, what): what for what in ("die", "one", "fail")}
        ended = {}
        while workers.running:
            ended |= {jobs[outcome.job]: outcome for outcome in workers.wait(5)}
        again = workers.submit(work_or_die, "two")
        (last,) = workers.wait(60)
    finally:
        workers.close()
    assert ended["die"].lost
    assert ended["one"].value == (60, "one", True)
    # It waited behind the process that died, or failed by itself.
    assert ended["fail"].lost or "ValueError: no such thing" in ended["fail"].error
    assert (last.job, last.value) == (again, (60, "two", True))


def test_a_process_that_dies_idle_is_replaced():
    """Nothing was lost with it; the next job gets another."""
    workers = LocalWorkers(data_set(), 1)
    try:
        workers.submit(work_or_die, "one")
        assert [each.value for each in workers.wait(60)] == [(60, "one", True)]
        (pool,) = workers._pools.values()
        (process,) = pool._processes.values()
        process.kill()
        process.join()
        while not pool._broken:
            time.sleep(0.01)
        workers.submit(work_or_die, "two")
        assert [each.value for each in workers.wait(60)] == [(60, "two", True)]
    finally:
        workers.close()


def test_what_was_queued_behind_a_death_leaves_its_successor_alone():
    """Futures of a dead process may be seen one by one: the process that took its place stays."""
    workers = LocalWorkers(data_set(), 1)
    try:
        first = {workers.submit(work_or_die, what): what for what in ("die", "queued", "queued too")}
        (dead,) = workers._pools.values()
        ended = []
        while len(ended) < 3:
            ended += workers.wait(60)
        again = workers.submit(work_or_die, "two")
        workers._drop(dead)
        (last,) = workers.wait(60)
    finally:
        workers.close()
    assert {first[each.job] for each in ended if each.lost} == set(first.values())
    assert (last.job, last.value) == (again, (60, "two", True))
