"""GRU, LSTM and tanh on four real data sets, at equal units and at equal parameters; and GRU beside LSTM at five sizes.

Usage: python -m benchmarks.compare [--data har,fsdd,ecg5000,cwru] [--seeds 5] [--epochs N] [--jobs 2] [--fronts]

Each model is trained, quantised to int8 and scored as integers; flash is of the smallest image of a Cortex-M4. Trained
models are kept in the cache folder (benchmarks/trained.py); benchmarks/results/compare.json is written after every model,
and a run that was stopped goes on from there. --fronts adds the sizes of docs/gru_lstm_fronts.svg (`--plot` draws it).
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.fronts import draw
from benchmarks.paths import RESULTS
from benchmarks.trained import TASKS, UNITS, cache_folder, load_task
from edgeseq.choose.comparison import Match, Plan
from edgeseq.choose.comparison.ledger import Ledger
from edgeseq.choose.comparison.matching import Matched, match_all
from edgeseq.choose.comparison.result import CellResult, PairResult
from edgeseq.choose.comparison.run import LazyWorkers, check_target, trained
from edgeseq.choose.comparison.store import write_settings
from edgeseq.choose.comparison.training import Job
from edgeseq.choose.comparison.workers import workers
from edgeseq.data import DataSet
from edgeseq.data.prepared import fingerprint
from edgeseq.train import Recipe

Row = dict[str, Any]
CELLS = ("lstm", "gru", "rnn")
MATCHES: tuple[Match, ...] = ("units", "parameters")
FRONT_CELLS, FRONT_UNITS = ("gru", "lstm"), (4, 8, 16, 32, 64)
# A Cortex-M4 whose current has a source.
TARGET = "nucleo-l476"
FILE = RESULTS / "compare.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be known of one data set: the matched cells of each comparison, and sizes of the fronts."""

    matched: dict[Match, tuple[Matched, ...]]
    sizes: tuple[tuple[str, int], ...]

    def jobs(self, seeds: int) -> list[Job]:
        """Models to train, each once: all of a seed before the next, comparisons before fronts."""
        compared = dict.fromkeys((each.cell, each.units) for cells in self.matched.values() for each in cells)
        networks = [*compared, *((cell, (units,)) for cell, units in self.sizes if (cell, (units,)) not in compared)]
        first = [Job(cell, units, seed) for seed in range(seeds) for cell, units in networks if (cell, units) in compared]
        rest = [Job(cell, units, seed) for seed in range(seeds) for cell, units in networks if (cell, units) not in compared]
        return first + rest


def ledgers_of(name: str, data: DataSet, seeds: int, epochs: int) -> dict[Match, Ledger]:
    """Ledgers of both comparisons, which share their models."""
    folder = cache_folder().parent / "compare" / f"{name}-{epochs}-{fingerprint(data)[:12]}"
    first: dict[Job, Any] = {}
    plans = {
        match: Plan(CELLS, (UNITS,), match, seeds, target=TARGET, optimize="size", recipe=Recipe(epochs=epochs))
        for match in MATCHES
    }
    for plan in plans.values():
        check_target(plan)
        write_settings(folder, {"data": fingerprint(data), **plan.fixed()}, ())
    return {match: Ledger(data, plan, folder, first) for match, plan in plans.items()}


def wanted_of(ledgers: dict[Match, Ledger], *, fronts: bool) -> Wanted:
    """What both comparisons need, and with fronts every size."""
    matched = {
        match: match_all(ledger.plan, ledger.parameters if match == "parameters" else lambda _, units: units[0])
        for match, ledger in ledgers.items()
    }
    return Wanted(matched, tuple((cell, units) for units in FRONT_UNITS for cell in FRONT_CELLS) if fronts else ())


def run(name: str, data: DataSet, seeds: int, epochs: int, jobs: int, *, fronts: bool, out: Path) -> None:
    """Train what is missing of one data set, and write its rows after every model."""
    ledgers = ledgers_of(name, data, seeds, epochs)
    ledger, wanted = ledgers["units"], wanted_of(ledgers, fronts=fronts)
    missing = [job for job in wanted.jobs(seeds) if not ledger.collect(job)]
    store(out, name, rows_of(name, epochs, ledgers, wanted))
    with ExitStack() as stack:
        helpers = LazyWorkers(lambda: stack.enter_context(workers(data, ledger.plan, ledger.folder, jobs)))
        for done, job in enumerate(trained(helpers, missing), 1):
            ledger.collect(job)
            print(f"{name}: {done} of {len(missing)}; {ledger.line(job)}", file=sys.stderr, flush=True)
            store(out, name, rows_of(name, epochs, ledgers, wanted))


def rows_of(name: str, epochs: int, ledgers: dict[Match, Ledger], wanted: Wanted) -> dict[str, list[Row]]:
    """Rows of a data set, of the models that there are."""
    comparisons = []
    for match, ledger in ledgers.items():
        found = ledger.result(wanted.matched[match])
        row = {"data": name, "match": match, "epochs": epochs, "target": TARGET, "baseline": found.baseline}
        drawn = {"drawn": found.drawn[0], "drawn_count": found.drawn[1]}
        cells, pairs = [cell_row(each) for each in found.cells], [pair_row(each) for each in found.pairs]
        comparisons.append(row | drawn | {"cells": cells, "pairs": pairs})
    sized = (ledgers["units"].cell(cell, (units,)) for cell, units in wanted.sizes)
    fronts = [{"data": name, "epochs": epochs, **cell_row(each)} for each in sized if each is not None]
    return {"comparisons": comparisons, "fronts": fronts}


def cell_row(each: CellResult) -> Row:
    """One network: costs, scores of each seed, band of their mean, what accuracy costs."""
    energy = each.cost.on_board.energy_uj if each.cost.on_board else None
    band = {"low": each.band.low, "high": each.band.high} if each.band else {"low": None, "high": None}
    return {
        "cell": each.cell,
        "units": each.units[0],
        "parameters": each.parameters,
        "flash_bytes": each.cost.flash_image_bytes,
        "ram_bytes": each.cost.ram_image_bytes,
        "instructions_per_step": each.cost.instructions_per_step,
        "energy_uj": energy,
        "mean": each.mean,
        **band,
        "seeds": [model.score for model in each.seeds],
        "float": [model.float_score for model in each.seeds],
        "per_kb": each.efficiency.per_kb,
        "per_uj": each.efficiency.per_uj,
        "train_seconds": each.seconds,
    }


def pair_row(each: PairResult) -> Row:
    """One difference with its interval."""
    found = each.difference
    return {
        "a": each.a,
        "b": each.b,
        "difference": found.estimate,
        "low": found.low,
        "high": found.high,
        "seeds": each.seeds,
        "verdict": each.verdict,
    }


def store(out: Path, name: str, rows: dict[str, list[Row]]) -> None:
    """Replace the rows of a data set; fronts that this run was not asked for stay."""
    before: dict[str, list[Row]] = json.loads(out.read_text()) if out.exists() else {"comparisons": [], "fronts": []}
    kept = {kind: [row for row in before[kind] if row["data"] != name or not rows[kind]] for kind in before}
    order = list(TASKS)
    merged = {kind: sorted([*kept[kind], *rows[kind]], key=lambda row: order.index(row["data"])) for kind in rows}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(merged, indent=1) + "\n")


def main() -> None:
    """Run what is not yet there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default=",".join(TASKS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, help="default: that of the task in benchmarks/trained.py")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--fronts", action="store_true")
    parser.add_argument("--plot", action="store_true", help="only draw docs/gru_lstm_fronts.svg from the stored rows")
    parser.add_argument("--out", type=Path, default=FILE)
    arguments = parser.parse_args()
    if not arguments.plot:
        for name in arguments.data.split(","):
            epochs = arguments.epochs or TASKS[name].epochs
            run(name, load_task(name), arguments.seeds, epochs, arguments.jobs, fronts=arguments.fronts, out=arguments.out)
    if arguments.plot or arguments.fronts:
        draw(json.loads(arguments.out.read_text())["fronts"])


if __name__ == "__main__":
    main()
