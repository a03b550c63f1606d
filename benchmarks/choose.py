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
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench_models import Size, stand_in
from benchmarks.paths import RESULTS
from benchmarks.trained import TASKS, cache_folder, load_task
from edgeseq.choose.about_data import task_shape
from edgeseq.choose.budget import Budget
from edgeseq.choose.configuration import Configuration, InputDtype
from edgeseq.choose.metric import METRICS, Metric
from edgeseq.choose.scores import WindowScores
from edgeseq.choose.search.answer.finalists import MeasureSpec, measure
from edgeseq.choose.search.answer.verdict import difference, scores_of
from edgeseq.choose.search.choose import Request, choose
from edgeseq.choose.search.loop import Search, SearchOptions
from edgeseq.choose.search.proposals.predictor import predictor
from edgeseq.choose.search.proposals.space import Proposal, default_space
from edgeseq.choose.search.proposals.target import Clock, Target
from edgeseq.choose.search.study.candidate import Shown
from edgeseq.choose.search.study.records import RunFolder, read_measured
from edgeseq.choose.search.trials.trial import TrialResult, TrialSpec, integer_scores, quantized, run_trial
from edgeseq.choose.search.trials.windows import prepare, seen_by
from edgeseq.choose.search.trials.workers import LocalWorkers
from edgeseq.data import DataSet
from edgeseq.frontend import load_model
from edgeseq.measure.profile import profile
from edgeseq.quantize.esq import to_bytes
from edgeseq.report import as_json
from edgeseq.targets import OPTIMIZE_MODES, load_core

Row = dict[str, Any]
BUDGETS = {"16K/2K": Budget(16_384, 2_048), "32K/4K": Budget(32_768, 4_096), "128K/16K": Budget(131_072, 16_384)}
CORES = ("cortex-m0plus", "cortex-m4")
# Of a budget's first core, and of the next, for which nearly the same networks fit.
MINUTES = {"16K/2K": (15.0, 4.0), "32K/4K": (12.0, 5.0), "128K/16K": (20.0, 8.0)}
RATES = (1e-3, 3e-3, 1e-2)
INPUTS: tuple[InputDtype, ...] = ("int8", "int16")
MOST_UNITS, UNIT_STEP = 256, 4
FILE = RESULTS / "choose.json"
# Models of a baseline with what they were trained for.
Tuned = list[tuple[TrialResult, TrialSpec]]


@dataclass(frozen=True, slots=True)
class Case:
    """One question: which network for these data, on this core, in this budget."""

    data: str
    core: str
    budget: str

    @property
    def folder(self) -> Path:
        """Where its search lies."""
        return cache_folder().parent / "choose" / f"{self.data}-{self.core}-{self.budget.replace('/', '-')}"

    @property
    def earlier(self) -> tuple[Path, ...]:
        """Folders of this data set's other searches."""
        others = (Case(self.data, core, budget).folder for budget in BUDGETS for core in CORES)
        return tuple(folder for folder in others if folder != self.folder and RunFolder(folder).database.exists())

    def target(self, data: DataSet) -> Target:
        """The core, with what predicts costs there."""
        core = load_core(self.core)
        predict, errors = predictor(task_shape(data), core)
        return Target(self.core, core, predict, prediction_error=errors)


class Lines:
    """Progress of a search on stderr."""

    def stage(self, words: str, total: int) -> None:
        """Name the stage."""
        print(f"{words} ({total})", file=sys.stderr, flush=True)

    def advance(self, done: int, words: str) -> None:
        """Say what just happened."""
        print(f"  {done} {words}", file=sys.stderr, flush=True)


def search(case: Case, data: DataSet, options: SearchOptions, jobs: int, reuse: tuple[Path, ...]) -> Row:
    """Search, and return the row of the case without its baseline. reuse: searches whose candidates are taken over."""
    started = time.monotonic()
    space = default_space(task_shape(data), data.task)
    wanted = Search(space, BUDGETS[case.budget], case.target(data), METRICS[data.task], options, RunFolder(case.folder))
    resume = RunFolder(case.folder).database.exists()
    words = ["python", "-m", "benchmarks.choose", "--data", case.data, "--cores", case.core, "--budgets", case.budget]
    workers = partial(LocalWorkers, slots=jobs)
    request = Request(wanted, data, workers, as_json.measurement, words, resume=resume, reuse=reuse)
    document = choose(request, Lines()).document
    found = {each["name"]: each for each in document["candidates"]}
    states = [each["status"] for each in found.values()]
    return {
        "data": case.data,
        "core": case.core,
        "budget": case.budget,
        "seconds": round(time.monotonic() - started),
        "resumed": resume,
        "reused": sum(each["origin"] is not None and each["feasible"] for each in found.values()),
        "jobs": jobs,
        "trials": {state: states.count(state) for state in sorted(set(states))},
        "recommended": _point(found.get(document["recommended"])),
        "verdict": document["verdict"],
        "margins": document["margins"],
        **{cell: _point(best_of(found.values(), cell, BUDGETS[case.budget])) for cell in ("gru", "lstm")},
    }


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


def most_units(case: Case, data: DataSet) -> int:
    """Return the most units, a multiple of 4, of a GRU whose smallest image fits, linked and run with random weights."""
    shape, budget = task_shape(data), BUDGETS[case.budget]

    def fits(units: int) -> bool:
        found = profile(stand_in("gru", Size(shape.features, units, shape.outputs)).graph, case.core, optimize="size")
        assert found.ram_image_bytes is not None  # cores have a stack
        return found.flash_image_bytes <= (budget.flash_bytes or 0) and found.ram_image_bytes <= (budget.ram_bytes or 0)

    low, high = 1, MOST_UNITS // UNIT_STEP + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(UNIT_STEP * middle) else (low, middle)
    return UNIT_STEP * low


def baseline(
    case: Case, data: DataSet, options: SearchOptions, jobs: int, trained: dict[int, Tuned], recommended: Row | None
) -> Row:
    """Train the hand-tuned GRU and measure it; a few units fewer where trained weights and int16 codes make it too large.

    margin: of the recommended network over it. trained: of how many units there are models of this data set already; new ones
    are put there.
    """
    budget, units = BUDGETS[case.budget], most_units(case, data)
    while True:
        if units not in trained:
            trained[units] = _tuned(data, units, options, jobs)
        best, spec = max(trained[units], key=lambda pair: pair[0].score)
        found = measure(data, MeasureSpec(spec, best.keras, best.esq, case.core, OPTIMIZE_MODES, budget, Clock()))
        if not budget.excess(found.cost) or units <= UNIT_STEP:
            break
        units -= UNIT_STEP
    network = spec.proposal.configuration
    return {
        "name": network.title,
        "units": units,
        "input_dtype": network.input_dtype,
        "learning_rate": spec.proposal.learning_rate,
        "optimize": found.measurement.optimize,
        "validation": best.score,
        "accuracy": found.shown.score,
        "flash_bytes": found.cost.flash_bytes,
        "ram_bytes": found.cost.ram_bytes,
        "mismatches": found.mismatches,
        "margin": None if recommended is None else _margin(case, recommended["trial"], found.shown, METRICS[data.task]),
    }


def _margin(case: Case, trial: int, by_hand: Shown, metric: Metric) -> Row:
    """Difference of a finalist to the network by hand on the test part, with its interval."""
    measured = read_measured(RunFolder(case.folder).measurement(trial))
    assert measured is not None
    other = WindowScores(np.asarray(by_hand.totals, float), np.asarray(by_hand.weights, float))
    found = difference(scores_of(measured), other, metric)
    return {"difference": found.value, "low": found.low, "high": found.high}


def _tuned(data: DataSet, units: int, options: SearchOptions, jobs: int) -> Tuned:
    """Train at every learning rate; quantise each with either type of input codes."""
    network = Configuration((("gru", units),), "int8", INPUTS[0])
    specs = [
        TrialSpec(number, Proposal(network, learning_rate=rate), options.epochs, options.patience, options.seed)
        for number, rate in enumerate(RATES)
    ]
    workers = LocalWorkers(data, jobs)
    try:
        waiting = {workers.submit(run_trial, spec): spec for spec in specs}
        results = []
        while waiting:
            for outcome in workers.wait(1.0):
                spec = waiting.pop(outcome.job)
                if outcome.error is not None:
                    raise RuntimeError(f"{spec.proposal.configuration.title}: {outcome.error}")
                results.append((outcome.value, spec))
    finally:
        workers.close()
    return results + [_quantized_again(data, *each, entry) for each in results for entry in INPUTS[1:]]


def _quantized_again(data: DataSet, result: TrialResult, spec: TrialSpec, entry: InputDtype) -> tuple[TrialResult, TrialSpec]:
    """Return the same training with other codes at the input."""
    network = replace(spec.proposal.configuration, input_dtype=entry)
    seen = seen_by(data, network)
    assert seen.validation is not None
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        keras_file = Path(scratch) / "model.keras"
        keras_file.write_bytes(result.keras)
        graph = quantized(load_model(keras_file), seen, network)
    score = integer_scores(seen, seen.validation, graph)[0].value
    found = replace(result, score=score, esq=to_bytes(graph))
    return found, replace(spec, proposal=replace(spec.proposal, configuration=network))


def stored() -> list[Row]:
    """Return the finished rows."""
    return json.loads(FILE.read_text()) if FILE.exists() else []


def save(rows: Sequence[Row]) -> None:
    """Replace the results file; a kill leaves the old one or the new."""
    new = FILE.with_suffix(".new")
    new.write_text(json.dumps(rows, indent=1) + "\n")
    new.replace(FILE)


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
        options = SearchOptions(trials=1000, epochs=min(SearchOptions().epochs, TASKS[name].epochs))
        data, trained = prepare(load_task(name), options.seed), dict[int, Tuned]()
        for budget in arguments.budgets.split(","):
            for core in arguments.cores.split(","):
                case, rows = Case(name, core, budget), stored()
                if any((row["data"], row["core"], row["budget"]) == (name, core, budget) for row in rows):
                    continue
                minutes = arguments.minutes * MINUTES[budget][core != arguments.cores.split(",")[0]]
                row = search(case, data, replace(options, time_s=60 * minutes), arguments.jobs, case.earlier)
                row["baseline"] = baseline(case, data, options, arguments.jobs, trained, row["recommended"])
                print(json.dumps(row), file=sys.stderr, flush=True)
                save([*rows, row])


if __name__ == "__main__":
    main()
