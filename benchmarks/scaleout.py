"""How much sooner two nodes of a Ray cluster finish a list of trials than one; each node has one core of this machine.

Usage: python -m benchmarks.scaleout [--data fsdd] [--trials 24] [--epochs 8]

Both clusters are started anew and get the same trials in the same order, without early stopping, so that both do the same
work; scores must be equal. Seconds are from the first trial that is handed over to the last that is back, start-up of
TensorFlow in each worker included. Writes benchmarks/results/scaleout.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from typing import Any

from benchmarks.paths import RESULTS
from benchmarks.trained import TASKS, load_task
from edgeseq.choose.configuration import Configuration
from edgeseq.choose.search.proposals.space import Proposal
from edgeseq.choose.search.trials.ray_workers import RayWorkers
from edgeseq.choose.search.trials.trial import TrialSpec, run_trial
from edgeseq.choose.search.trials.windows import prepare
from edgeseq.data import DataSet

Row = dict[str, Any]
CELLS, UNITS = ("gru", "lstm", "rnn"), (8, 16, 24, 32)
# A loaded machine takes its time to start Ray's processes.
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "240", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def trial_list(count: int, epochs: int) -> list[TrialSpec]:
    """Different cells and sizes in turn; the list repeats with another seed."""
    networks = itertools.product(UNITS, CELLS)
    pairs = itertools.islice(itertools.cycle(networks), count)
    each = len(CELLS) * len(UNITS)
    return [
        TrialSpec(number, Proposal(Configuration(((cell, units),))), epochs, epochs, number // each)
        for number, (units, cell) in enumerate(pairs)
    ]


def timed(data: DataSet, specs: list[TrialSpec], nodes: int) -> Row:
    """Run all trials on a new cluster of so many nodes of one core."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        workers = RayWorkers(data, cluster.address)
        started = time.monotonic()
        waiting = {workers.submit(run_trial, spec): spec.number for spec in specs}
        scores: dict[int, float] = {}
        while waiting:
            for outcome in workers.wait(5.0):
                if outcome.error is not None:
                    raise RuntimeError(f"trial {waiting[outcome.job]}: {outcome.error}")
                scores[waiting.pop(outcome.job)] = outcome.value.score
                print(f"{nodes} nodes: {len(scores)}/{len(specs)}", file=sys.stderr, flush=True)
        seconds = time.monotonic() - started
        workers.close()
    finally:
        cluster.shutdown()
    return {"nodes": nodes, "trials": len(specs), "seconds": round(seconds, 1), "scores": [scores[spec.number] for spec in specs]}


def main() -> None:
    """Time one node, then two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default="fsdd", choices=tuple(TASKS))
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=8)
    arguments = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    data = prepare(load_task(arguments.data), 0)
    specs = trial_list(arguments.trials, arguments.epochs)
    one, two = (timed(data, specs, nodes) for nodes in (1, 2))
    if one["scores"] != two["scores"]:
        raise SystemExit("the two clusters did not do the same work: their scores differ")
    ratio = round(one["seconds"] / two["seconds"], 2)
    row = {"data": arguments.data, "epochs": arguments.epochs, "ratio": ratio, "runs": [one, two]}
    (RESULTS / "scaleout.json").write_text(json.dumps(row, indent=1) + "\n")
    print(json.dumps({name: row[name] for name in ("data", "epochs", "ratio")}))


if __name__ == "__main__":
    main()
