"""Write the README's measured tables from benchmarks/results.

Usage: python -m benchmarks.readme [--check]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.paths import RESULTS, ROOT

Row = dict[str, Any]


def accuracy_table() -> str:
    """Mean and standard deviation over seeds, per data set and cell."""
    rows: list[Row] = json.loads((RESULTS / "accuracy.json").read_text())
    lines = [
        "| data | cell | seeds | float | int8 | change, points | same class | state SQNR | bound | input |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for data in dict.fromkeys(row["data"] for row in rows):
        for cell in ("gru", "lstm"):
            chosen = [row for row in rows if row["data"] == data and row["cell"] == cell]
            if not chosen:
                continue
            change = [100 * (row["int8_accuracy"] - row["float_accuracy"]) for row in chosen]
            codes = "/".join(sorted({row["input_dtype"] for row in chosen}))
            lines.append(
                f"| {data} | {cell.upper()}({chosen[0]['units']}) | {len(chosen)} "
                f"| {_spread(chosen, 'float_accuracy', 100, ' %')} | {_spread(chosen, 'int8_accuracy', 100, ' %')} "
                f"| {statistics.mean(change):+.2f} | {_mean(chosen, 'agreement') * 100:.2f} % "
                f"| {_mean(chosen, 'state_sqnr_db'):.1f} dB | {_mean(chosen, 'bound_sqnr_db'):.1f} dB | {codes} |"
            )
    return "\n".join(lines)


def model_table() -> str:
    """Cost and fidelity of the benchmark models."""
    rows: list[Row] = json.loads((RESULTS / "models.json").read_text())
    lines = [
        (
            "| model | state SQNR (bound) | flash M4, size | RAM M4 | instructions/step M4 | cycles/step M4 * "
            "| instructions/step M0+ |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        by_kind = {(p["target"], p["optimize"]): p for p in row["profiles"]}
        fast, small, m0 = (by_kind[k] for k in (("cortex-m4", "speed"), ("cortex-m4", "size"), ("cortex-m0plus", "speed")))
        name = row["model"].replace("_", " ").replace("gru", "GRU").replace("lstm", "LSTM")
        lines.append(
            f"| {name} | {row['state_sqnr_db']:.1f} dB ({row['bound_sqnr_db']:.1f}) | {small['flash_bytes']['image']:,} B "
            f"| {small['ram_bytes']['image']:,} B | {fast['instructions_per_step']:,} "
            f"| {fast['cycles_per_step']['value']:,} | {m0['instructions_per_step']:,} |"
        )
    first = rows[0]["profiles"][0]["cycles_per_step"]
    lines.append("")
    lines.append(
        f"\\* modelled ({first['tier']}, ± {first['error_pct']:g} %); everything else is exact. "
        "A: 16 inputs, 32 units, 10 outputs; B: 9, 16, 6; C: 40, 64, 12. Portable kernels, zig."
    )
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {"accuracy": accuracy_table, "models": model_table}


def filled(text: str) -> str:
    """Return the README with the text between each pair of markers replaced."""
    for name, table in TABLES.items():
        start, end = f"<!-- {name}: made by benchmarks/readme.py -->", f"<!-- end {name} -->"
        before, rest = text.split(start)
        text = f"{before}{start}\n{table()}\n{end}{rest.split(end)[1]}"
    return text


def main() -> None:
    """Rewrite README.md, or with --check only say whether it is current."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    path = ROOT / "README.md"
    current = path.read_text()
    new = filled(current)
    if parser.parse_args().check:
        sys.exit(new != current)
    path.write_text(new)


def _mean(rows: list[Row], key: str) -> float:
    return statistics.mean(row[key] for row in rows)


def _spread(rows: list[Row], key: str, factor: float, unit: str) -> str:
    values = [factor * row[key] for row in rows]
    deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{deviation}{unit}"


if __name__ == "__main__":
    main()
