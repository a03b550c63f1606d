"""What `edgeseq choose` finds on four real data sets, two cores and three budgets, beside a hand-tuned GRU.

Usage: python -m benchmarks.choose [--data har,fsdd,ecg5000,cwru] [--cores cortex-m0plus,cortex-m4]
           [--budgets 16K/2K,32K/4K,128K/16K] [--minutes 1.0] [--jobs 2]

The first search of a data set trains from nothing; the others take over what those before them trained, and search on, for
the minutes that MINUTES gives them (--minutes: times as long).
The baseline is what someone without a search would do: one GRU of the most units that fit, int8 or int16 codes at the input,
three learning rates, the model that validates best. It is trained, quantised, linked and scored as every candidate is.
Writes benchmarks/results/choose.json after every search; goes on from there, and within a search that was stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.budget_cases import BUDGETS, CORES, Case, Row, options_for, save, stored
from benchmarks.by_hand import Tuned, baseline
from benchmarks.trained import TASKS, load_task
from edgeseq.choose.about_data import task_shape
from edgeseq.choose.budget import Budget
from edgeseq.choose.metric import METRICS
from edgeseq.choose.scores import WindowScores
from edgeseq.choose.search.choose import Request, choose
from edgeseq.choose.search.loop import Search, SearchOptions
from edgeseq.choose.search.proposals.space import default_space
from edgeseq.choose.search.study.records import RunFolder
from edgeseq.choose.search.trials.windows import prepare
from edgeseq.choose.search.trials.workers import LocalWorkers
from edgeseq.data import DataSet
from edgeseq.report import as_json

# Of a budget's first core, and of the next, for which nearly the same networks fit.
MINUTES = {"16K/2K": (15.0, 4.0), "32K/4K": (12.0, 5.0), "128K/16K": (20.0, 8.0)}
FILE = "choose.json"


class Lines:
    """Progress of a search on stderr."""

    def stage(self, words: str, total: int) -> None:
        """Name the stage."""
        print(f"{words} ({total})", file=sys.stderr, flush=True)

    def advance(self, done: int, words: str) -> None:
        """Say what just happened."""
        print(f"  {done} {words}", file=sys.stderr, flush=True)


def search(
    case: Case, data: DataSet, options: SearchOptions, jobs: int, reuse: tuple[Path, ...]
) -> tuple[Row, WindowScores | None]:
    """Search, and return the row of the case without its baseline, and the scores of what was chosen.

    reuse: searches whose candidates are taken over.
    """
    started = time.monotonic()
    space = default_space(task_shape(data), data.task)
    wanted = Search(space, BUDGETS[case.budget], case.target(data), METRICS[data.task], options, RunFolder(case.folder))
    resume = RunFolder(case.folder).database.exists()
    words = ["python", "-m", "benchmarks.choose", "--data", case.data, "--cores", case.core, "--budgets", case.budget]
    workers = partial(LocalWorkers, slots=jobs)
    request = Request(wanted, data, workers, as_json.measurement, words, resume=resume, reuse=reuse)
    choice = choose(request, Lines())
    document = choice.document
    found = {each["name"]: each for each in document["candidates"]}
    states = [each["status"] for each in found.values()]
    row = {
        "data": case.data,
        "core": case.core,
        "budget": case.budget,
        "seconds": round(time.monotonic() - started),
        "resumed": resume,
        "reused": sum(each["origin"] is not None and each["feasible"] for each in found.values()),
        "jobs": jobs,
        "trials": {state: states.count(state) for state in sorted(set(states))},
        "recommended": _point(found.get(document["recommended"])),
        "recommended_score": document["recommended_score"],
        "verdict": document["verdict"],
        "margins": document["margins"],
        **{cell: _point(best_of(found.values(), cell, BUDGETS[case.budget])) for cell in ("gru", "lstm")},
    }
    return row, choice.verdict.scores


def best_of(found: Any, cell: str, budget: Budget) -> Row | None:
    """Return the best measured candidate of a cell that fits."""
    fitting = [
        each
        for each in found
        if each["measured"]
        and each["cell"] == cell
        and each["mismatches"] == 0
        and each["flash_bytes"] <= (budget.flash_bytes or 0)
        and each["ram_bytes"] <= (budget.ram_bytes or 0)
    ]
    return max(fitting, key=lambda each: each["accuracy"], default=None)


def _point(candidate: Row | None) -> Row | None:
    """Return what a table shows of a candidate."""
    if candidate is None:
        return None
    names = (
        "name",
        "trial",
        "cell",
        "units",
        "scheme",
        "optimize",
        "window",
        "stride",
        "accuracy",
        "flash_bytes",
        "ram_bytes",
        "instructions",
    )
    return {name: candidate[name] for name in names}


def main() -> None:
    """Run what is not yet in the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default=",".join(TASKS))
    parser.add_argument("--cores", default=",".join(CORES))
    parser.add_argument("--budgets", default=",".join(BUDGETS))
    parser.add_argument("--minutes", type=float, default=1.0, help="times those of MINUTES")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    for name in arguments.data.split(","):
        options = options_for(name)
        data, trained = prepare(load_task(name), options.seed), dict[int, Tuned]()
        for budget in arguments.budgets.split(","):
            for core in arguments.cores.split(","):
                case, rows = Case(name, core, budget), stored(FILE)
                if any((row["data"], row["core"], row["budget"]) == (name, core, budget) for row in rows):
                    continue
                minutes = arguments.minutes * MINUTES[budget][core != arguments.cores.split(",")[0]]
                row, chosen = search(case, data, replace(options, time_s=60 * minutes), arguments.jobs, case.earlier)
                row["baseline"] = baseline(case, data, options, arguments.jobs, trained, chosen)
                print(json.dumps(row), file=sys.stderr, flush=True)
                save(FILE, [*rows, row])


if __name__ == "__main__":
    main()
