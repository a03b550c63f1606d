"""How far predictions of costs are off."""

from __future__ import annotations

import json

from benchmarks.paths import RESULTS
from benchmarks.tables.common import Row

_DIGITS = {"flash": 1, "flash_bytes": 0, "static": 1, "ram": 1, "ram_bytes": 0, "instructions": 1, "cycles": 1}


def prediction_table() -> str:
    """Errors of cross-validation by core and mode."""
    lines = [
        "| core | mode | kind | networks | flash, % | flash, B | static RAM, % | RAM, % | RAM, B | instructions, % | cycles, % |",
        f"|---{'|---' * 10}|",
    ]
    for row in json.loads((RESULTS / "predictor.json").read_text())["errors"]:
        figures = " | ".join(_ends(row, name, digits) for name, digits in _DIGITS.items())
        lines.append(f"| {row['core']} | {row['optimize']} | {row['kind']} | {row['networks']} | {figures} |")
    return "\n".join(lines)


def _ends(row: Row, name: str, digits: int) -> str:
    found = row[name]
    if found["largest"] == 0:
        return "0"
    return f"{found['median']:,.{digits}f} / {found['p95']:,.{digits}f} / {found['largest']:,.0f}"
