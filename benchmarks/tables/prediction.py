"""How far predictions of costs are off."""

from __future__ import annotations

import json

from benchmarks.paths import RESULTS
from benchmarks.tables.common import Row


def prediction_table() -> str:
    """Errors of cross-validation by core and mode."""
    lines = [
        "| core | mode | kind | networks | flash, % | flash, B | RAM, % | RAM, B | instructions, % | cycles, % |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in json.loads((RESULTS / "predictor.json").read_text())["errors"]:
        figures = (
            _ends(row, name, digits)
            for name, digits in (
                ("flash", 1),
                ("flash_bytes", 0),
                ("ram", 1),
                ("ram_bytes", 0),
                ("instructions", 1),
                ("cycles", 1),
            )
        )
        lines.append(f"| {row['core']} | {row['optimize']} | {row['kind']} | {row['networks']} | {' | '.join(figures)} |")
    return "\n".join(lines)


def _ends(row: Row, name: str, digits: int) -> str:
    found = row[name]
    return f"{found['median']:,.{digits}f} / {found['p95']:,.0f} / {found['largest']:,.0f}"
