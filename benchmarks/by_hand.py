"""The GRU that someone without a search would train, beside what `benchmarks.choose` finds; and its luck with other seeds.

Usage: python -m benchmarks.by_hand [--data har] [--core cortex-m0plus] [--budget 16K/2K] [--seeds 5] [--jobs 2]

One GRU of the most units that fit, int8 or int16 codes at the input, three learning rates, the model that validates best. It
is trained, quantised, linked and scored as every candidate of a search is. Run by itself, this repeats that with other seeds
on the same windows, and adds a row to benchmarks/results/by_hand.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.bench_models import Size, stand_in
from benchmarks.budget_cases import BUDGETS, CORES, Case, Row, options_for, save, stored
from benchmarks.trained import TASKS, load_task
from edgeseq.choose.about_data import task_shape
from edgeseq.choose.configuration import Configuration, InputDtype
from edgeseq.choose.metric import METRICS, Metric
from edgeseq.choose.scores import WindowScores
from edgeseq.choose.search.answer.difference import difference
from edgeseq.choose.search.answer.finalists import MeasureSpec, measure
from edgeseq.choose.search.loop import SearchOptions
from edgeseq.choose.search.proposals.space import Proposal
from edgeseq.choose.search.proposals.target import Clock
from edgeseq.choose.search.study.candidate import Shown
from edgeseq.choose.search.trials.trial import TrialResult, TrialSpec, integer_scores, quantized, run_trial
from edgeseq.choose.search.trials.windows import prepare, seen_by
from edgeseq.choose.search.trials.workers import LocalWorkers
from edgeseq.data import DataSet
from edgeseq.frontend import load_model
from edgeseq.measure.profile import profile
from edgeseq.quantize.esq import from_bytes, to_bytes
from edgeseq.targets import OPTIMIZE_MODES

RATES = (1e-3, 3e-3, 1e-2)
INPUTS: tuple[InputDtype, ...] = ("int8", "int16")
MOST_UNITS, UNIT_STEP = 256, 4
FILE = "by_hand.json"
# Models of a baseline with what they were trained for.
Tuned = list[tuple[TrialResult, TrialSpec]]


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
    case: Case, data: DataSet, options: SearchOptions, jobs: int, trained: dict[int, Tuned], chosen: WindowScores | None
) -> Row:
    """Train the hand-tuned GRU and measure it; a few units fewer where trained weights and int16 codes make it too large.

    margin: of the recommendation over it; chosen: its scores, without the luck of having been chosen on the test part, which
    the network by hand was not either. trained: of how many units there are models of this data set already; new ones
    are put there.
    """
    budget, units = BUDGETS[case.budget], most_units(case, data)
    while True:
        if units not in trained:
            trained[units] = tuned(data, units, options, jobs)
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
        "margin": None if chosen is None else _margin(chosen, found.shown, METRICS[data.task]),
    }


def _margin(chosen: WindowScores, by_hand: Shown, metric: Metric) -> Row:
    """Difference to the network by hand on the test part, with its interval."""
    other = WindowScores(np.asarray(by_hand.totals, float), np.asarray(by_hand.weights, float))
    found = difference(chosen, other, metric)
    return {"difference": found.value, "low": found.low, "high": found.high}


def tuned(data: DataSet, units: int, options: SearchOptions, jobs: int) -> Tuned:
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


def with_seeds(case: Case, units: int, seeds: int, jobs: int) -> Row:
    """Score what validates best of each seed's trainings: the integers on the test part, which no seed chose by."""
    options, rows = options_for(case.data), []
    data = prepare(load_task(case.data), options.seed)
    for seed in range(seeds):
        best, spec = max(tuned(data, units, replace(options, seed=seed), jobs), key=lambda pair: pair[0].score)
        seen = seen_by(data, spec.proposal.configuration)
        accuracy = integer_scores(seen, seen.test, from_bytes(best.esq))[0].value
        rows.append(
            {
                "seed": seed,
                "learning_rate": spec.proposal.learning_rate,
                "input_dtype": spec.proposal.configuration.input_dtype,
                "validation": best.score,
                "accuracy": accuracy,
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return {"data": case.data, "core": case.core, "budget": case.budget, "units": units, "seeds": rows}


def main() -> None:
    """Repeat the baseline of a row of choose.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default="har", choices=TASKS)
    parser.add_argument("--core", default=CORES[0], choices=CORES)
    parser.add_argument("--budget", default="16K/2K", choices=BUDGETS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    key = (given.data, given.core, given.budget)
    units = {(row["data"], row["core"], row["budget"]): row["baseline"]["units"] for row in stored("choose.json")}
    if key not in units:
        parser.error(f"{' '.join(key)}: not in choose.json; run python -m benchmarks.choose first")
    found = with_seeds(Case(*key), units[key], given.seeds, given.jobs)
    save(FILE, [*(row for row in stored(FILE) if (row["data"], row["core"], row["budget"]) != key), found])


if __name__ == "__main__":
    main()
