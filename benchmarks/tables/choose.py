"""What the search recommends on real data, beside its best GRU and LSTM and a GRU tuned by hand; and two nodes beside one."""

from __future__ import annotations

import json

from benchmarks.paths import RESULTS
from benchmarks.tables.common import Row


def choose_table() -> str:
    """A line per data set, core and budget: what is recommended, what beside it, what the search took."""
    headings = (
        "data",
        "core",
        "flash/RAM",
        "recommended",
        "its flash, RAM, B",
        "best LSTM",
        "best GRU",
        "margin over them, points (95 %)",
        "GRU by hand, margin over it",
        "trained + taken over",
        "minutes",
    )
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for row in json.loads((RESULTS / "choose.json").read_text()):
        worked = sum(count for state, count in row["trials"].items() if state not in ("infeasible", "failed"))
        found = row["recommended"]
        figures = (
            row["data"],
            row["core"],
            row["budget"],
            _point(found),
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
