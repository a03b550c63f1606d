"""What a fair comparison shows of GRU and LSTM on real data."""

from __future__ import annotations

import json

from benchmarks.paths import RESULTS
from benchmarks.tables.common import CELL_NAMES, Row

_AT = {"units": "equal units", "parameters": "equal parameters"}


def stored() -> list[Row]:
    """Comparisons of benchmarks/compare.py that have GRU and LSTM over the same seeds."""
    rows: list[Row] = json.loads((RESULTS / "compare.json").read_text())["comparisons"]
    return [row for row in rows if _pair(row) is not None]


def gru_claim() -> str:
    """What GRU gains and loses beside LSTM, with intervals: a sentence per way of matching, and the table they rest on."""
    rows = stored()
    sentences = [_sentence(match, [row for row in rows if row["match"] == match]) for match in _AT]
    return "\n".join([*(sentence for sentence in sentences if sentence), "", *compare_lines(rows)])


def compare_table() -> str:
    """Every cell of every comparison: size, accuracy, what accuracy costs."""
    rows: list[Row] = json.loads((RESULTS / "compare.json").read_text())["comparisons"]
    headings = (
        "data",
        "equal",
        "cell",
        "parameters",
        "flash",
        "RAM",
        "instructions/step",
        "accuracy",
        "per KB",
        "per µJ *",
        "training",
    )
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    lines += [f"| {row['data']} | {row['match']} | {_costs(cell)} |" for row in rows for cell in row["cells"]]
    return "\n".join(lines)


def front_table() -> str:
    """How much flash each cell takes to be, in the mean over seeds, as accurate as the other's best size."""
    rows: list[Row] = json.loads((RESULTS / "compare.json").read_text())["fronts"]
    lines = ["| data | best LSTM | GRU as accurate | best GRU | LSTM as accurate |", "|---" * 5 + "|"]
    for name in dict.fromkeys(row["data"] for row in rows):
        fronts = {cell: [row for row in rows if (row["data"], row["cell"]) == (name, cell)] for cell in ("lstm", "gru")}
        if not all(fronts.values()):
            continue
        figures = [name]
        for cell, other in (("lstm", "gru"), ("gru", "lstm")):
            best = max(fronts[cell], key=lambda row: (row["mean"], -row["flash_bytes"]))
            reached = [row for row in fronts[other] if row["mean"] >= best["mean"]]
            smallest = min(reached, key=lambda row: row["flash_bytes"], default=None)
            figures += [
                _size(best),
                "none of these sizes" if smallest is None else f"{_size(smallest)}: {_beside(smallest, best)}",
            ]
        lines.append(f"| {' | '.join(figures)} |")
    return "\n".join(lines)


def _size(row: Row) -> str:
    return f"{row['units']} units, {_accuracy(row)}, {row['flash_bytes']:,} B"


def _beside(row: Row, other: Row) -> str:
    return f"{100 * row['flash_bytes'] / other['flash_bytes'] - 100:+.0f} % of flash"


def _costs(cell: Row) -> str:
    energy = "" if cell["per_uj"] is None else f"{cell['per_uj']:.1f}"
    figures = (
        f"{CELL_NAMES[cell['cell']]}({cell['units']})",
        f"{cell['parameters']:,}",
        f"{cell['flash_bytes']:,} B",
        f"{cell['ram_bytes']:,} B",
        f"{cell['instructions_per_step']:,}",
        _accuracy(cell),
        f"{cell['per_kb']:.1f}",
        energy,
        f"{cell['train_seconds']:.0f} s",
    )
    return " | ".join(figures)


def compare_lines(rows: list[Row]) -> list[str]:
    """GRU beside LSTM, one line per data set and way of matching."""
    lines = ["| data | at | LSTM | GRU | GRU - LSTM, points (95 % interval) | seeds | flash of the GRU |", "|---" * 7 + "|"]
    for row in rows:
        gru, lstm = (_cell(row, cell) for cell in ("gru", "lstm"))
        difference, low, high, seeds = _difference(row)
        figures = (
            row["data"],
            _AT[row["match"]],
            *(f"{cell['units']} units, {_accuracy(cell)}" for cell in (lstm, gru)),
            f"{100 * difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})",
            str(seeds),
            f"{100 * _saved(row):+.0f} %",
        )
        lines.append(f"| {' | '.join(figures)} |")
    return lines


def _sentence(match: str, rows: list[Row]) -> str:
    """On how many data sets which cell is better, and what the GRU saves."""
    if not rows:
        return ""
    better = {"GRU": [row for row in rows if _difference(row)[1] > 0], "LSTM": [row for row in rows if _difference(row)[2] < 0]}
    open_ones = len(rows) - sum(map(len, better.values()))
    parts = [f"the {cell} is better on {', '.join(row['data'] for row in found)}" for cell, found in better.items() if found]
    if open_ones:
        parts.append(f"no difference is shown on {open_ones} of {len(rows)} data sets")
    flash = [_saved(row) for row in rows]
    shares = sorted({f"{100 + 100 * saved:.0f} %" for saved in (min(flash), max(flash))}, key=lambda text: int(text.split()[0]))
    span = " to ".join(shares)
    return f"At {_AT[match]}, {'; '.join(parts)}; the GRU's image is {span} of the LSTM's."


def _pair(row: Row) -> Row | None:
    return next((pair for pair in row["pairs"] if {pair["a"], pair["b"]} == {"gru", "lstm"}), None)


def _difference(row: Row) -> tuple[float, float, float, int]:
    """GRU minus LSTM, its interval, and over how many seeds."""
    pair = _pair(row)
    assert pair is not None
    if pair["a"] == "gru":
        return pair["difference"], pair["low"], pair["high"], pair["seeds"]
    return -pair["difference"], -pair["high"], -pair["low"], pair["seeds"]


def _cell(row: Row, name: str) -> Row:
    found: Row = next(cell for cell in row["cells"] if cell["cell"] == name)
    return found


def _saved(row: Row) -> float:
    """The GRU's flash beside the LSTM's, -0.2 for a fifth less."""
    return float(_cell(row, "gru")["flash_bytes"] / _cell(row, "lstm")["flash_bytes"] - 1)


def _accuracy(cell: Row) -> str:
    return f"{100 * cell['mean']:.2f} %"
