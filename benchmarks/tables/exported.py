"""What exported files do on the runtimes of others."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.paths import RESULTS
from benchmarks.tables.common import Row


def fused_table() -> str:
    """LSTM as TFLite's own operator beside the exact forms: bytes, time and error."""
    result: dict[str, Any] = json.loads((RESULTS / "fused.json").read_text())
    rows: list[Row] = result["rows"]
    columns = ("LSTM", "steps", "bytes: fused (step)", "state SQNR, dB: fused (exact)", "output SQNR, dB", "same class")
    lines = [f"| {' | '.join(columns)} | time of step, stateful / fused |", "|---|" + "---:|" * len(columns)]
    for row in rows:
        fused, exact = row["fused"], row["exact"]
        name = f"model {row['model']}" if "fused_us" in row else f"32 units, {row['model']}"
        pairs = " | ".join(f"{fused[key]:.1f} ({exact[key]:.1f})" for key in ("state_sqnr_db", "output_sqnr_db"))
        same = f"{fused['agreement']:.2%} ({exact['agreement']:.2%})"
        took = f"{row['step_ratio']:.1f}, {row['stateful_ratio']:.1f}" if "fused_us" in row else ""
        sizes = f"{row['fused_bytes']:,} ({row['step_bytes']:,})"
        lines.append(f"| {name} | {row['steps']:,} | {sizes} | {pairs} | {same} | {took} |")
    return "\n".join(
        [*lines, "", f"Ratios of time: measured ({result['device']}, 41 batches of 100 calls of each form in turn, medians)."]
    )


def wheels_table() -> str:
    """Mismatches of Arm's wheels."""
    result: dict[str, Any] = json.loads((RESULTS / "wheels.json").read_text())
    rows: list[Row] = result["rows"]
    lines = [
        "| architecture | wheel | numpy, Python | files | ways to run each | values compared | mismatches |",
        "|---|---|---|---:|---|---:|---:|",
    ]
    for architecture, runtime in dict.fromkeys((row["architecture"], row["runtime"]) for row in rows):
        mine = [row for row in rows if (row["architecture"], row["runtime"]) == (architecture, runtime)]
        first = mine[0]
        if "refused" in first:
            lines.append(f"| {architecture} | {runtime}: {first['refused']} | | | | | |")
            continue
        files = {(row["cell"], row["scheme"], row["form"]) for row in mine}
        kernels = ", ".join(dict.fromkeys(row["kernels"] for row in mine))
        values, wrong = (sum(row[key] for row in mine) for key in ("values", "mismatches"))
        about = f"{first['numpy']}, {first['python']}"
        lines.append(
            f"| {architecture} | {runtime} {first['version']} | {about} | {len(files)} | {kernels} | {values:,} | {wrong:,} |"
        )
    return "\n".join([*lines, "", f"GRU and LSTM of model A's sizes, {_steps(rows)} steps each, under QEMU {result['qemu']}."])


def streams_table() -> str:
    """Mismatches over long streams."""
    rows: list[Row] = json.loads((RESULTS / "streams.json").read_text())["rows"]
    runners = list(dict.fromkeys(row["runner"].split(",")[0] for row in rows))
    lines = [f"| model | scheme | steps | values | {' | '.join(runners)} |", "|---|---|" + "---:|" * (2 + len(runners))]
    for model, scheme in dict.fromkeys((row["model"], row["scheme"]) for row in rows):
        mine = [row for row in rows if (row["model"], row["scheme"]) == (model, scheme)]
        wrong = [sum(row["mismatches"] for row in mine if row["runner"].startswith(runner)) for runner in runners]
        first = mine[0]
        figures = " | ".join(f"{count:,}" for count in (first["steps"], first["values"], *wrong))
        lines.append(f"| {model.replace('_', ' ')} | `{scheme}` | {figures} |")
    return "\n".join(lines)


def export_table() -> str:
    """How long a fresh process takes to write each form."""
    rows: list[Row] = json.loads((RESULTS / "streams.json").read_text())["export"]
    models = list(dict.fromkeys(row["model"] for row in rows))
    lines = [f"| form | {' | '.join(model.replace('_', ' ') for model in models)} |", "|---|" + "---:|" * len(models)]
    for form in dict.fromkeys(row["form"] for row in rows):
        found = {row["model"]: f"{row['processor_s']:.2f} ({row['wall_s']:.2f})" for row in rows if row["form"] == form}
        lines.append(f"| {form} | {' | '.join(found.get(model, '-') for model in models)} |")
    return "\n".join(lines)


def _steps(rows: list[Row]) -> str:
    return ", ".join(f"{steps:,}" for steps in sorted({row["steps"] for row in rows if "steps" in row}))
