"""What the search recommends on real data, beside its best GRU and LSTM and a GRU tuned by hand; and two nodes beside one."""

from __future__ import annotations

import json
from collections import Counter

from benchmarks.budget_cases import BUDGETS, CORES
from benchmarks.paths import RESULTS
from benchmarks.tables.common import CELL_NAMES, Row


def stored() -> list[Row]:
    """Rows of benchmarks/choose.py: a data set's budgets from the smallest on, each on both cores."""
    rows: list[Row] = json.loads((RESULTS / "choose.json").read_text())
    budgets, names = list(BUDGETS), list(dict.fromkeys(row["data"] for row in rows))
    return sorted(rows, key=lambda row: (names.index(row["data"]), budgets.index(row["budget"]), CORES.index(row["core"])))


def choose_claim() -> str:
    """How often the search beats a GRU by hand, and what it recommends."""
    rows = stored()
    if not rows:
        return "No search is stored: `python -m benchmarks.choose` runs them."
    margins = [row["baseline"]["margin"] for row in rows if row["recommended"] is not None]
    better = [each for each in margins if each["difference"] > 0]
    worse = [each for each in margins if each["difference"] < 0]
    cells = Counter(row["recommended"]["cell"] for row in rows if row["recommended"] is not None)
    told = ", ".join(f"{CELL_NAMES.get(cell, cell)} {count} times" for cell, count in cells.most_common())
    level, above, below = (
        len(margins) - len(better) - len(worse),
        sum(each["low"] > 0 for each in better),
        sum(each["high"] < 0 for each in worse),
    )
    longest = max(row["seconds"] for row in rows if row["budget"] == next(iter(BUDGETS)))
    return (
        f"{len(rows)} searches ({len({row['data'] for row in rows})} data sets, {len({row['budget'] for row in rows})} budgets, "
        f"{len({row['core'] for row in rows})} cores): the recommended network is more accurate than a GRU tuned by hand in "
        f"{len(better)} ({above} with a 95 % interval above zero), as accurate in {level}, less in {len(worse)} ({below} with "
        f"one below zero). Recommended: {told}. The smallest budget took {longest / 60:.0f} minutes at most, on two cores."
    )


def choose_table() -> str:
    """A line per data set, core and budget: what is recommended, what beside it, what the search took."""
    headings = (
        "data",
        "core",
        "flash/RAM",
        "recommended; allowing for the choice",
        "its flash, RAM, B",
        "best LSTM",
        "best GRU",
        "margin over them, points (95 %)",
        "GRU by hand, margin over it",
        "trained + taken over",
        "minutes",
    )
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for row in stored():
        worked = sum(count for state, count in row["trials"].items() if state not in ("infeasible", "failed"))
        found = row["recommended"]
        figures = (
            row["data"],
            row["core"],
            row["budget"],
            _point(found) + ("" if found is None else f"; {100 * row['recommended_score']['value']:.2f} %"),
            "" if found is None else f"{found['flash_bytes']:,}, {found['ram_bytes']:,}",
            *(_point(row[name]) for name in ("lstm", "gru")),
            "; ".join(_margin(each) for each in row["margins"]),
            _by_hand(row["baseline"]),
            f"{worked - row['reused']} + {row['reused']}",
            f"{row['seconds'] / 60:.0f}",
        )
        lines.append(f"| {' | '.join(figures)} |")
    return "\n".join(lines)


def scaleout_line() -> str:
    """How much sooner two nodes finish the same trials than one."""
    row: Row = json.loads((RESULTS / "scaleout.json").read_text())
    one, two = row["runs"]
    return (
        f"Measured on two cores, one a node: {one['trials']} trials of {row['data']}, {row['epochs']} epochs "
        f"each, take {one['seconds']:.0f} s on one node and {two['seconds']:.0f} s on two, {row['ratio']:.2f} times as fast, "
        "start-up of TensorFlow included; scores are equal."
    )


def _margin(found: Row) -> str:
    """Difference to one cell with its interval."""
    return f"{found['cell'].upper()}: {_interval(found)}"


def _by_hand(found: Row) -> str:
    """The baseline, and by how much the recommended network is better."""
    return _point(found) + ("" if found["margin"] is None else f": {_interval(found['margin'])}")


def _interval(found: Row) -> str:
    difference, low, high = (100 * found[name] for name in ("difference", "low", "high"))
    return f"{difference:+.1f} ({low:+.1f} to {high:+.1f})"


def _point(found: Row | None) -> str:
    """Name without the trial's number, and accuracy."""
    return "none" if found is None else f"{found['name'].partition(' #')[0]}, {100 * found['accuracy']:.2f} %"
