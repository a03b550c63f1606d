"""Accuracy on real data: of schemes, of compact cells, of pruned models."""

from __future__ import annotations

import json
import statistics

from benchmarks.paths import RESULTS
from benchmarks.tables.common import Row, mean, spread


def accuracy_table() -> str:
    """Float accuracy, and what each scheme changes: mean and standard deviation over seeds, per data set and cell."""
    rows: list[Row] = json.loads((RESULTS / "accuracy.json").read_text())
    schemes = list(dict.fromkeys(row["scheme"] for row in rows))
    lines = [
        f"| data | cell | seeds | float | {' | '.join(schemes)} |",
        "|---|---|---|---|" + "---|" * len(schemes),
    ]
    for data in dict.fromkeys(row["data"] for row in rows):
        for cell in dict.fromkeys(row["cell"] for row in rows):
            chosen = [row for row in rows if row["data"] == data and row["cell"] == cell]
            if not chosen:
                continue
            first = [row for row in chosen if row["scheme"] == schemes[0] and row["method"] == "ptq"]
            cells = [_changes([row for row in chosen if row["scheme"] == scheme], len(first)) for scheme in schemes]
            lines.append(
                f"| {data} | {cell.upper()}({chosen[0]['units']}) | {len(first)} "
                f"| {spread(first, 'float_accuracy', 100, ' %')} | {' | '.join(cells)} |"
            )
    return "\n".join(lines)


def _changes(rows: list[Row], seeds: int) -> str:
    """Change in points, after quantisation and after training with integers where that was measured; other seeds are told."""
    parts = []
    for method in ("ptq", "qat"):
        change = [100 * (row["accuracy"] - row["float_accuracy"]) for row in rows if row["method"] == method]
        if change:
            spread = statistics.stdev(change) if len(change) > 1 else 0.0
            parts.append(f"{statistics.mean(change):+.2f} ± {spread:.2f}" + (f" ({len(change)})" if len(change) != seeds else ""))
    return "; QAT ".join(parts)


def fidelity_table() -> str:
    """How close the integers stay: classes and states, per scheme, after quantisation alone."""
    rows: list[Row] = [row for row in json.loads((RESULTS / "accuracy.json").read_text()) if row["method"] == "ptq"]
    lines = ["| data | cell | scheme | same class | state SQNR | bound | input |", "|---|---|---|---|---|---|---|"]
    for key in dict.fromkeys((row["data"], row["cell"], row["scheme"]) for row in rows):
        chosen = [row for row in rows if (row["data"], row["cell"], row["scheme"]) == key]
        codes = "/".join(sorted({row["input_dtype"] for row in chosen}))
        lines.append(
            f"| {key[0]} | {key[1].upper()}({chosen[0]['units']}) | {key[2]} | {mean(chosen, 'agreement') * 100:.2f} % "
            f"| {mean(chosen, 'state_sqnr_db'):.1f} dB | {mean(chosen, 'bound_sqnr_db'):.1f} dB | {codes} |"
        )
    return "\n".join(lines)


def compact_table() -> str:
    """Cells on spoken digits, smallest weights last."""
    rows: list[Row] = json.loads((RESULTS / "compact.json").read_text())
    lines = [
        "| cell | seeds | parameters | weights, int8 | tables | state | instructions/step, M4 | float | int8 | int8x4 | QAT |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    kinds = dict.fromkeys((row["cell"], row["units"]) for row in rows)
    for kind in sorted(kinds, key=lambda kind: -next(row["weight_bytes"] for row in rows if (row["cell"], row["units"]) == kind)):
        chosen = [row for row in rows if (row["cell"], row["units"]) == kind]
        first = chosen[0]
        lines.append(
            f"| {kind[0].upper()}({kind[1]}) | {len(chosen)} | {first['parameters']:,} | {first['weight_bytes']:,} B "
            f"| {first['table_bytes']:,} B | {first['state_bytes']} B | {first['instructions_per_step']:,} ({first['kernels']}) "
            f"| {spread(chosen, 'float_accuracy', 100, ' %')} | {spread(chosen, 'accuracy', 100, ' %')} "
            f"| {_measured(chosen, 'int8x4_accuracy')} | {_measured(chosen, 'int8x4_qat_accuracy')} |"
        )
    return "\n".join(lines)


def _measured(rows: list[Row], key: str) -> str:
    """Spread of an accuracy over the rows that have it; empty where none was measured, with their number if it is not all."""
    found = [row for row in rows if key in row]
    fewer = f" ({len(found)})" if len(found) < len(rows) else ""
    return spread(found, key, 100, " %") + fewer if found else ""


def pruned_table() -> str:
    """Accuracy of pruned models, per share and shape of blocks."""
    rows: list[Row] = json.loads((RESULTS / "pruned.json").read_text())
    blocks = sorted({row["block"] for row in rows if row["sparsity"]})
    lines = [f"| epochs | zero blocks | {' | '.join(blocks)} |", "|---" * (2 + len(blocks)) + "|"]
    for epochs, sparsity in sorted({(row["epochs"], row["sparsity"]) for row in rows}):
        alike = [row for row in rows if (row["epochs"], row["sparsity"]) == (epochs, sparsity)]
        cells = []
        for block in blocks:
            chosen = [row for row in alike if row["block"] == block or not sparsity]
            cells.append(f"{spread(chosen, 'accuracy', 100, ' %')} ({len(chosen)})" if chosen else "")
        lines.append(f"| {epochs} | {sparsity:.0%} | {' | '.join(cells)} |")
    return "\n".join(lines)
