"""Files of a step on this host's runtimes: bytes, time, accuracy, and where an interpreter's time goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from benchmarks.paths import RESULTS
from benchmarks.tables.common import CELL_NAMES, Row

# Models that have targets, and how many times as fast as every interpreter C should be there.
TARGETED, FASTER = ("A", "C"), 3


def bytes_table() -> str:
    """Bytes of every file, exact."""
    return _by_model(lambda row: f"{row['bytes']:,}")


def time_table() -> str:
    """Microseconds of a call, and of invoke alone where a runtime copies tensors in calls of their own."""
    document = _document()
    table = _by_model(
        lambda row: f"{row['call_ns'] / 1e3:.2f}" + (f" ({row['invoke_ns'] / 1e3:.2f})" if row["invoke_ns"] else "")
    )
    rows = [row for model in document["models"] for row in model["rows"] if "refused" not in row]
    spreads = [row["spread_pct"] for row in rows]
    versions = ", ".join(f"{name} {document['versions'][name]}" for name in ("ai-edge-litert", "onnxruntime", "ziglang"))
    label = (
        f"µs a step, invoke alone in brackets: measured ({document['device']}, median of {rows[0]['runs']} runs in turn, "
        f"spread {min(spreads):.0f} to {max(spreads):.0f} %; {versions})."
    )
    return f"{table}\n\n{label}"


def ratio_table() -> str:
    """How many times as long each file takes as edgeseq's first, without copies of tensors."""
    return _by_model(lambda row: f"{row['ratio']:.3g}")


def target_table() -> str:
    """Files of edgeseq beside TensorFlow's integer ones, all three figures at once; C beside the fastest interpreter."""
    models = [model for model in _document()["models"] if model["model"].split("_")[0] in TARGETED]
    compared = list(dict.fromkeys(ratio["ours"] for model in models for ratio in model["ratios"]))
    lines = [f"| model | beside | {' | '.join(compared)} |", "|---|---|" + "---|" * len(compared)]
    for model in models:
        for theirs in dict.fromkeys(ratio["theirs"] for ratio in model["ratios"]):
            cells = [_comparison(model, ratio) for ratio in model["ratios"] if ratio["theirs"] == theirs]
            lines.append(f"| {_name(model)} | {theirs} | {' | '.join(cells)} |")
    lines += ["", "| model | fastest interpreter | times as long as C int8 | target: 3 |", "|---|---|---:|---|"]
    for model in models:
        best = min((row for row in model["rows"] if row.get("runtime", "c") != "c"), key=lambda row: float(row["ratio"]))
        met = "met" if best["ratio"] >= FASTER else "missed"
        lines.append(f"| {_name(model)} | {best['file']} | {best['ratio']:.1f} | {met} |")
    return "\n".join(lines)


def _comparison(model: Row, ratio: Row) -> str:
    """Share of the bytes, how many times as fast, dB ahead in the worse of state and outputs; whether all three are ahead."""
    ours, theirs = (next(row for row in model["rows"] if row["file"] == ratio[who]) for who in ("ours", "theirs"))
    share = ours["bytes"] / theirs["bytes"]
    better = min(ours[key] - theirs[key] for key in ("state_sqnr_db", "output_sqnr_db"))
    ahead = share < 1 < ratio["ratio"] and better > 0
    return f"{'**ahead**' if ahead else 'not ahead'}: {share:.2f}, {ratio['ratio']:.2f}, {better:+.1f} dB"


def fidelity_table() -> str:
    """SQNR of the hidden state and of the outputs, in dB; mismatches of the integer files."""
    rows = [row for model in _document()["models"] for row in model["rows"] if "mismatches" in row]
    table = _by_model(lambda row: f"{row['state_sqnr_db']:.1f} / {row['output_sqnr_db']:.1f}")
    return f"{table}\n\n{sum(row['mismatches'] for row in rows)} mismatches in {len(rows)} files of integers."


def operator_table() -> str:
    """What each kind of operator adds to an invoke."""
    lines = ["| model | file | operators | a call of nothing | most of the rest |", "|---|---|---:|---:|---|"]
    for model, files in _document()["operators"].items():
        for name, rows in files.items():
            nothing, *rest = rows
            kinds: dict[str, list[float]] = {}
            for row in rest:
                kinds.setdefault(row["operator"], []).append(row["ns"])
            largest = sorted(kinds.items(), key=lambda kind: -sum(kind[1]))[:4]
            words = ", ".join(f"{len(ns)} {kind} {sum(ns) / 1e3:.2f}" for kind, ns in largest)
            total = sum(row["ns"] for row in rest) / 1e3
            lines.append(f"| {_title(model)} | {name} | {len(rest)} | {nothing['ns'] / 1e3:.2f} | {total:.2f}: {words} |")
    return "\n".join([*lines, "", "In µs of invoke, the fastest runs of the file cut behind each operator."])


def other_table() -> str:
    """Mismatches on the runtimes with an environment of their own."""
    document: dict[str, Any] = json.loads((RESULTS / "other_runtimes.json").read_text())
    rows: list[Row] = document["rows"]
    runtimes = list(dict.fromkeys(row["runtime"] for row in rows))
    headings = [f"{name} {document['versions'][name]}" for name in runtimes]
    lines = [f"| scheme | {' | '.join(headings)} |", "|---|" + "---|" * len(runtimes)]
    for scheme in dict.fromkeys(row["scheme"] for row in rows):
        cells = []
        for runtime in runtimes:
            mine = [row for row in rows if (row["scheme"], row["runtime"]) == (scheme, runtime)]
            ran = [row for row in mine if "refused" not in row]
            wrong = sum(row["mismatches"] for row in ran)
            steps = sum(row["steps"] * row["runs"] for row in ran)
            refused = f", {len(mine) - len(ran)} models refused" if len(ran) < len(mine) else ""
            cells.append(f"{wrong} in {steps:,} steps of {len(ran)} models{refused}")
        lines.append(f"| `{scheme}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / "runtimes.json").read_text())
    return found


def _title(model: str) -> str:
    size, cell = model.split("_")
    return f"{CELL_NAMES[cell]} {size}"


def _name(model: Row) -> str:
    return _title(model["model"])


def _by_model(cell: Callable[[Row], str]) -> str:
    """A row for each file, a column for each model."""
    models = _document()["models"]
    files = list(dict.fromkeys(row["file"] for model in models for row in model["rows"]))
    lines = [f"| file | {' | '.join(_name(model) for model in models)} |", "|---|" + "---:|" * len(models)]
    for name in files:
        rows = [next((row for row in model["rows"] if row["file"] == name), None) for model in models]
        lines.append(f"| {name} | {' | '.join('refused' if row is None or 'refused' in row else cell(row) for row in rows)} |")
    return "\n".join(lines)
