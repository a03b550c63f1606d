"""Fits the predictor of costs to measured images of random networks, and says how far it is off on others.

Usage: python -m benchmarks.predictor [--fit]

Reads the rows of benchmarks/predictor_rows.py. Validation is crossed: each network is predicted by coefficients fitted
without it. --fit also writes edgeseq/choose/prediction/coefficients.json. Either way writes
benchmarks/results/predictor.json and the table of docs/predicting.md.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.paths import RESULTS
from benchmarks.predictor_rows import CORES, Row, case_of, read_rows
from edgeseq.choose.configuration import REFERENCES
from edgeseq.choose.prediction.features import Features
from edgeseq.choose.prediction.fitted import COEFFICIENTS, stack_features, total
from edgeseq.choose.prediction.network import kind_of, network_of
from edgeseq.targets import OPTIMIZE_MODES, Core, load_core

FOLDS = 10
# Ridge on columns of unit norm: breaks ties among features that say the same, and leans rare ones on common ones.
_CODE_RIDGE, _LOOP_RIDGE = 1e-3, 1e-3
# Which layer of a network is the deepest follows from what each needs, and the other way round.
_STACK_ROUNDS, _STACK_RIDGE = 4, 1e-3
# Cores that run the same instructions: one's networks help to fit the other's.
KIN = {"cortex-m33": "cortex-m4", "cortex-m4": "cortex-m33"}
FIGURES = ("flash", "static", "ram", "instructions", "cycles")
COLUMNS = [
    *("core", "optimize", "layers", "scheme", "input_dtype", "features", "outputs", "window_steps"),
    *(f"measured {', '.join(FIGURES)}", "error in per cent of each"),
]
Fitted = dict[str, Any]


class Samples:
    """Measured networks of one core and mode, with what the predictor makes of their sizes."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.core: Core = load_core(rows[0]["core"])
        kernels = self.core.kernels(rows[0]["optimize"])
        self.networks = [network_of(*case_of(row), kernels) for row in rows]
        # What was measured is fitted with what its weights told the exporter, which a prediction cannot know.
        self.measured = [network_of(*case_of(row), kernels, [flag == 1 for flag in row["bounded"]]) for row in rows]

    def column(self, name: str) -> npt.NDArray[np.float64]:
        """One measured figure of all."""
        return np.array([row[name] for row in self.rows], np.float64)

    def fit(self, chosen: npt.NDArray[np.int64]) -> Fitted:
        """Coefficients from the chosen networks. Code is what the image has beyond weights and tables as measured."""
        flash, instructions, cycles = self.column("flash"), self.column("instructions"), self.column("cycles")
        code = flash - self.column("weights") - self.column("tables")
        return {
            "code": ridge([self.measured[i].code for i in chosen], code[chosen], 1 / flash[chosen], _CODE_RIDGE),
            "instructions": loops([self.measured[i].loops for i in chosen], instructions[chosen]),
            "stack": self._stack([int(i) for i in chosen]),
            "cycles": loops([self.measured[i].loops for i in chosen], cycles[chosen]),
        }

    def _stack(self, chosen: Sequence[int]) -> dict[str, float]:
        """What each property of a layer needs, by the networks in which it is the deepest, and what more layers add."""
        depths = np.array([self.rows[i]["stack"] - self.networks[i].frame_bytes(self.core) for i in chosen], np.float64)
        weight = 1 / self.column("ram")[chosen]
        known = np.array([len(self.networks[i].kinds) == 1 for i in chosen])
        fitted: dict[str, float] = {}
        for _ in range(_STACK_ROUNDS):
            features = [stack_features(fitted, self.networks[i].kinds) for i in chosen]
            kept = [row for row, keep in zip(features, known, strict=True) if keep]
            fitted = ridge(kept, depths[known], weight[known], _STACK_RIDGE)
            known[:] = True
        return fitted

    def predict(self, fitted: Fitted, index: int, *, told: bool = False) -> dict[str, float]:
        """All figures of one network. told: also what its weights told the exporter."""
        network = self.measured[index] if told else self.networks[index]
        layout, instructions = network.layout, total(fitted["instructions"], network.loops)
        stack = total(fitted["stack"], stack_features(fitted["stack"], network.kinds)) + network.frame_bytes(self.core)
        return {
            "flash": layout.weights + layout.tables + total(fitted["code"], network.code),
            "static": network.static_bytes(self.core),
            "ram": network.static_bytes(self.core) + stack,
            "instructions": instructions,
            "cycles": total(fitted["cycles"], network.loops),
        }


def ridge(
    features: Sequence[Features], wanted: npt.NDArray[np.float64], weight: npt.NDArray[np.float64], penalty: float
) -> dict[str, float]:
    """Least squares of weighted residuals."""
    names = sorted({name for row in features for name in row})
    matrix = np.array([[row.get(name, 0.0) for name in names] for row in features]) * weight[:, None]
    norms = np.linalg.norm(matrix, axis=0)
    norms[norms == 0] = 1
    matrix = matrix / norms
    solution = np.linalg.solve(matrix.T @ matrix + penalty * np.eye(len(names)), matrix.T @ (wanted * weight))
    return {name: round(float(value), 4) for name, value in zip(names, solution / norms, strict=True) if abs(value) > 1e-9}


def loops(features: Sequence[Features], wanted: npt.NDArray[np.float64]) -> dict[str, float]:
    """Least squares of relative residuals, where no loop of a network without recurrence gives time back.

    Few of those were measured, and all with few outputs: free coefficients cancelled one another there, and made windows
    of two steps with a hundred classes take less than no time. The worst offender leaves until none is left.
    """
    left = [dict(row) for row in features]
    while True:
        fitted = ridge(left, wanted, 1 / wanted, _LOOP_RIDGE)
        below = [name for name, value in fitted.items() if value < 0 and name.partition(".")[0] in REFERENCES]
        if not below:
            return fitted
        given = {name: sum(row.get(name, 0.0) / each for row, each in zip(left, wanted, strict=True)) for name in below}
        worst = min(below, key=lambda name: fitted[name] * given[name])
        for row in left:
            row.pop(worst, None)


def _others(own: Sequence[Row], kin: Sequence[Row]) -> list[Row]:
    """Rows of a core's kin, of other networks than its own: what is held out is held out of both."""
    known = {_network(row) for row in own}
    return [row for row in kin if _network(row) not in known]


def _network(row: Row) -> str:
    return json.dumps([row["case"], row["shape"]])


def validate(samples: Samples, count: int) -> list[dict[str, float]]:
    """Signed errors in per cent of the first `count`, each by coefficients that were fitted without its fold."""
    order = np.random.default_rng(0).permutation(count)
    found: list[dict[str, float]] = [{} for _ in range(count)]
    for fold in range(FOLDS):
        held = order[fold::FOLDS]
        fitted = samples.fit(np.setdiff1d(np.arange(len(samples.rows)), held))
        for index in held:
            made = samples.predict(fitted, int(index))
            found[index] = {name: round(100 * (made[name] / samples.rows[index][name] - 1), 3) for name in FIGURES}
    return found


def summary(errors: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Median, 95th percentile and largest of the magnitudes."""
    return {"networks": len(errors)} | {name: _spread([error[name] for error in errors]) for name in FIGURES}


def by_kind(rows: Sequence[Row], errors: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Errors of recurrent networks, of those with layers of very few units, and of those without recurrence."""
    chosen: dict[str, list[tuple[Row, dict[str, float]]]] = {"recurrent": [], "tiny": [], "reference": []}
    for row, error in zip(rows, errors, strict=True):
        chosen[kind_of(case_of(row)[0])].append((row, error))
    found = {}
    for kind, pairs in chosen.items():
        if pairs:
            kept, missed = zip(*pairs, strict=True)
            found[kind] = summary(missed) | in_bytes(kept, missed)
    return found


def in_bytes(rows: Sequence[Row], errors: Sequence[dict[str, float]]) -> dict[str, Any]:
    """The same of flash and RAM in bytes."""
    return {
        f"{name}_bytes": _spread([error[name] / 100 * row[name] for row, error in zip(rows, errors, strict=True)])
        for name in ("flash", "ram")
    }


def _spread(errors: Sequence[float]) -> dict[str, float]:
    sizes = np.abs(errors)
    ends = (np.median(sizes), np.percentile(sizes, 95), sizes.max())
    return dict(zip(("median", "p95", "largest"), (round(float(end), 2) for end in ends), strict=True))


def by_core(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Measured networks, by core and mode; none twice. static: RAM without the stack."""
    found: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if "refused" not in row:
            found[row["core"], row["optimize"]].setdefault(_network(row), row | {"static": row["ram"] - row["stack"]})
    return {key: list(kept.values()) for key, kept in found.items()}


def main() -> None:
    """Fit, validate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true", help="write the coefficients too")
    parser.add_argument("--rows", type=Path, help="rows to read instead of the user's")
    given = parser.parse_args()
    groups = by_core(read_rows(given.rows) if given.rows else read_rows())
    stored: dict[str, dict[str, Any]] = defaultdict(dict)
    results: list[list[Any]] = []
    for core in CORES:
        for optimize in OPTIMIZE_MODES:
            own = groups[core, optimize]
            samples = Samples([*own, *_others(own, groups.get((KIN.get(core, ""), optimize), []))])
            errors = validate(samples, len(own))
            tables = by_kind(own, errors)
            print(core, optimize, json.dumps(tables))
            stored[core][optimize] = samples.fit(np.arange(len(samples.rows))) | {"errors": tables}
            results += [_stored(row, error) for row, error in zip(own, errors, strict=True)]
    if given.fit:
        COEFFICIENTS.write_text(json.dumps(stored, indent=1) + "\n")
    summaries = [
        {"core": core, "optimize": mode, "kind": kind} | table
        for core, modes in stored.items()
        for mode, fit in modes.items()
        for kind, table in fit["errors"].items()
    ]
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in results)
    head = f'"errors": {json.dumps(summaries, indent=1)},\n"columns": {json.dumps(COLUMNS)}'
    (RESULTS / "predictor.json").write_text(f'{{{head},\n"networks": [\n{lines}\n]}}\n')


def _stored(row: Row, error: dict[str, float]) -> list[Any]:
    """One network, in the order of COLUMNS."""
    case, shape = row["case"], row["shape"]
    network = [case["layers"], case["scheme"], case["input_dtype"], shape["features"], shape["outputs"], shape["window_steps"]]
    return [row["core"], row["optimize"], *network, [row[name] for name in FIGURES], [error[name] for name in FIGURES]]


if __name__ == "__main__":
    main()
