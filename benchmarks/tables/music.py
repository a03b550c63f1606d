"""Polyphonic music beside the paper."""

from __future__ import annotations

import json
import statistics

from benchmarks.music import chosen_rate
from benchmarks.paths import RESULTS
from benchmarks.tables.common import CELL_NAMES, Row, mean, spread, stored_peers
from edgeseq.quantize.types import SCHEMES


def music_table() -> str:
    """Test NLL of each cell on each set, float and int8, beside the paper's, for seeds at the rate that validated best."""
    rows: list[Row] = json.loads((RESULTS / "music.json").read_text())
    paper = stored_peers()["music_nll"]
    lines = [
        "| data | cell | parameters | seeds | rate | train | test | test, int8 | int8 - float | test, paper |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for data, cell in dict.fromkeys((row["data"], row["cell"]) for row in rows):
        rate = chosen_rate(rows, data, cell)
        chosen = [row for row in rows if (row["data"], row["cell"], row["log_rate"]) == (data, cell, rate)]
        change = round(mean(chosen, "int8_nll") - mean(chosen, "test_nll"), 4) + 0.0  # not -0.0
        lines.append(
            f"| {data} | {CELL_NAMES[cell]}({chosen[0]['units']}) | {chosen[0]['parameters']:,} | {len(chosen)} | e^{rate:g} "
            f"| {spread(chosen, 'train_nll', 1, '')} | {spread(chosen, 'test_nll', 1, '')} "
            f"| {spread(chosen, 'int8_nll', 1, '')} | {change:+.4f} | {paper[data][cell]:.2f} |"
        )
    return "\n".join(lines)


def music_schemes_table() -> str:
    """What each scheme adds to the float test NLL, of the same seeds: quantised after training, or trained on with it."""
    rows: list[Row] = json.loads((RESULTS / "music.json").read_text())
    lines = [f"| data | cell | seeds | {' | '.join(SCHEMES)} |", "|---|---|---|" + "---|" * len(SCHEMES)]
    for data, cell in dict.fromkeys((row["data"], row["cell"]) for row in rows):
        rate = chosen_rate(rows, data, cell)
        chosen = [row for row in rows if (row["data"], row["cell"], row["log_rate"]) == (data, cell, rate)]
        cells = [_added(chosen, f"{scheme}_nll") + _tuned(chosen, f"{scheme}_qat_nll") for scheme in SCHEMES]
        lines.append(f"| {data} | {CELL_NAMES[cell]}({chosen[0]['units']}) | {len(chosen)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _added(rows: list[Row], column: str) -> str:
    changes = [row[column] - row["reference_nll"] for row in rows]
    return f"{statistics.mean(changes):+.4f}" + (f" ± {statistics.stdev(changes):.4f}" if len(changes) > 1 else "")


def _tuned(rows: list[Row], column: str) -> str:
    """The same of those seeds that were trained with integers; how many, if not all."""
    found = [row for row in rows if column in row]
    some = f" (seeds: {len(found)})" if len(found) < len(rows) else ""
    return f"; QAT {_added(found, column)}{some}" if found else ""
