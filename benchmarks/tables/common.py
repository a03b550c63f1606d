"""What the tables share: stored rows, means and spreads."""

from __future__ import annotations

import json
import statistics
from typing import Any

from benchmarks.paths import RESULTS

Row = dict[str, Any]
CELL_NAMES = {"rnn": "tanh", "gru": "GRU", "lstm": "LSTM"}


def stored_peers() -> dict[str, Any]:
    """Figures of others, with their sources."""
    found: dict[str, Any] = json.loads((RESULTS.parent / "peers.json").read_text())
    return found


def mean(rows: list[Row], key: str) -> float:
    """Mean of a column."""
    return statistics.mean(row[key] for row in rows)


def spread(rows: list[Row], key: str, factor: float, unit: str) -> str:
    """Mean and, of several rows, standard deviation of a column."""
    values = [factor * row[key] for row in rows]
    deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{deviation}{unit}"
