"""Tables of formats for other runtimes."""

from __future__ import annotations

import json

from benchmarks.paths import RESULTS
from benchmarks.tables.common import Row


def onnx_forms_table() -> str:
    """Bytes, time and error of each .onnx form of a model."""
    rows: list[Row] = json.loads((RESULTS / "onnx_forms.json").read_text())
    lines = [
        "| model | form | bytes | time a step, by float's | 100 steps a call | states to the float model | to the oracle |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        window = "" if row["window_ratio"] is None else f"{row['window_ratio']:.1f}"
        exact = {"step": "exact", "qdq": f"{row.get('oracle_sqnr_db', 0):.1f} dB, {row.get('oracle_max_lsb', 0):.0f} LSB"}
        lines.append(
            f"| {row['model'].replace('_', ' ')} | `{row['form']}` | {row['bytes']:,} | {row['step_ratio']:.1f} | {window} | "
            f"{row['state_sqnr_db']:.1f} dB | {exact.get(row['form'], '')} |"
        )
    return "\n".join(lines)
