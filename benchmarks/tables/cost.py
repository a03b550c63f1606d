"""Flash, RAM, instructions and time, of edgeseq and of its peers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

from benchmarks.paths import RESULTS
from benchmarks.tables.common import Row, stored_peers

REFERENCE_CORE = "cortex-m4"


def model_table() -> str:
    """Fidelity of the benchmark models, and what the smallest image takes on a Cortex-M4."""
    lines = [
        "| model | state SQNR (bound) | flash | RAM | best peer, flash / RAM |",
        "|---|---|---|---|---|",
    ]
    peers = stored_peers()["flash_ram_bytes"]
    for row in json.loads((RESULTS / "models.json").read_text()):
        size, cell = row["model"].split("_")
        small = _best(REFERENCE_CORE, size, cell, "size", lambda r: int(r["flash_bytes"]["image"]))
        peer = peers[cell].get(size)
        beside = "" if peer is None else f"{peer[0]:,} / {peer[1]:,} B ({peer[2]})"
        lines.append(
            f"| {size} {cell.upper()} | {row['state_sqnr_db']:.1f} dB ({row['bound_sqnr_db']:.1f}) "
            f"| {small['flash_bytes']['image']:,} B | {small['ram_bytes']['image']:,} B | {beside} |"
        )
    return "\n".join(lines)


def core_table() -> str:
    """Instructions per step of every core with the best compiler, beside the best peer."""
    columns = [(cell, size) for cell in ("gru", "lstm") for size in ("A", "B", "C")]
    lines = ["| core | " + " | ".join(f"{cell.upper()} {size}" for cell, size in columns) + " |", "|---" * 7 + "|"]
    peers = stored_peers()["instructions_per_step"]
    for core in dict.fromkeys(row["core"] for row in _core_rows()):
        avr = core == "atmega328p"
        best = [_best(core, size, cell, "speed", _cycles if avr else _instructions) for cell, size in columns]
        values = ["does not fit" if "refused" in row else f"{(_cycles if avr else _instructions)(row):,}" for row in best]
        lines.append(f"| {core}{', cycles' if avr else ''} | " + " | ".join(values) + " |")
        if core in peers:
            lines.append("| best peer there | " + " | ".join(f"{peers[core][cell][size][0]:,}" for cell, size in columns) + " |")
    fast = {cell: _best(REFERENCE_CORE, "A", cell, "speed", _cycles) for cell in ("gru", "lstm")}
    cycles = fast["gru"]["cycles_per_step"]
    peer_cycles = stored_peers()["cycles_per_step"][REFERENCE_CORE]
    tier = f"modelled ({cycles['tier']}, ± {cycles['error_pct']:g} %)"
    beside = [f"{cell.upper()} A {_cycles(row):,} (best peer {peer_cycles[cell]['A'][0]:,})" for cell, row in fast.items()]
    lines += ["", f"Cycles on the Cortex-M4, {tier}: {', '.join(beside)}."]
    return "\n".join(lines)


def host_table() -> str:
    """Instructions per step of hosted targets, and the time beside onnxruntime."""
    result = json.loads((RESULTS / "host.json").read_text())
    columns = [(cell, size) for cell in ("gru", "lstm") for size in ("A", "B", "C")]
    lines = ["| target | " + " | ".join(f"{cell.upper()} {size}" for cell, size in columns) + " |", "|---" * 7 + "|"]
    for target in dict.fromkeys(row["target"] for row in result["instructions"]):
        by_model = {
            (row["cell"], row["model"]): row["instructions_per_step"] for row in result["instructions"] if row["target"] == target
        }
        lines.append(f"| {target} | " + " | ".join(f"{by_model[column]:,}" for column in columns) + " |")
    time = result["time"]
    ours, step, window = (time[name] for name in ("edgeseq", "onnxruntime", "onnxruntime_window"))
    lines += [
        "",
        (
            f"GRU C, one stream, one thread, measured ({time['device']}, {time['repetitions']} runs in turn in one process): "
            f"{_ns(ours)}; onnxruntime {time['onnxruntime_version']} on the float model {_ns(step)} step by step "
            f"({time['ratio']:.0f} times as long), {_ns(window)} with {time['steps']} steps in one call "
            f"({time['ratio_window']:.1f} times)."
        ),
    ]
    return "\n".join(lines)


def _ns(time: Row) -> str:
    return f"{time['ns']:,.0f} ns ({time['smallest_ns']:,.0f} to {time['largest_ns']:,.0f})"


def versus_table() -> str:
    """GRU beside LSTM at equal units and at equal parameters."""
    lines = [
        "| size | cell | units | parameters | flash | RAM | instructions/step | cycles/step * |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows: list[Row] = json.loads((RESULTS / "cores.json").read_text())["versus"]
    for row in rows:
        base = next(r for r in rows if r["model"] == row["model"] and r["label"] == "LSTM")
        figures = [
            (row["flash_bytes"], base["flash_bytes"], " B"),
            (row["ram_bytes"], base["ram_bytes"], " B"),
            (row["instructions_per_step"], base["instructions_per_step"], ""),
            (_cycles(row), _cycles(base), ""),
        ]
        cells = [f"{value:,}{unit}" + ("" if row is base else f" ({value / of - 1:+.0%})") for value, of, unit in figures]
        lines.append(f"| {row['model']} | {row['label']} | {row['units']} | {row['parameters']:,} | " + " | ".join(cells) + " |")
    lines += ["", f"\\* modelled ({rows[0]['cycles_per_step']['tier']}, ± {rows[0]['cycles_per_step']['error_pct']:g} %)."]
    return "\n".join(lines)


def sparse_table() -> str:
    """GRU A with zero blocks, as the exporter stores it, and from which share on the sparse form gains."""
    rows: list[Row] = json.loads((RESULTS / "sparse.json").read_text())["rows"]
    shares = sorted({row["share"] for row in rows})
    lines = [
        f"| core | mode | blocks | figure | {' | '.join(f'{share:.0%} zero' for share in shares)} | gains from |",
        "|---" * (5 + len(shares)) + "|",
    ]
    for build in dict.fromkeys((row["core"], row["optimize"], row["block"]) for row in rows):
        mine = [row for row in rows if (row["core"], row["optimize"], row["block"]) == build]
        for name, figure, unit in (("instructions", "instructions_per_step", ""), ("flash", "flash_bytes", " B")):
            values = " | ".join(f"{row['chosen'][figure]:,}{unit}" for row in mine)
            lines.append(f"| {' | '.join(build)} | {name} | {values} | {_gains_from(mine, figure)} |")
    return "\n".join(lines)


def _gains_from(rows: list[Row], figure: str) -> str:
    """Share of zero blocks at which the sparse form costs what the dense one does, between the measured shares."""
    dense = rows[0]["chosen"][figure]  # of no zeros
    points = [(row["share"], row["sparse"][figure] - dense) for row in rows]
    for (share, more), (next_share, next_more) in itertools.pairwise(points):
        if more > 0 >= next_more:
            return f"{share + (next_share - share) * more / (more - next_more):.0%}"
    return "never"


def tflite_table() -> str:
    """Bytes of the .tflite of models A, B, C by scheme and form; the slowest writing, and all mismatches."""
    rows: list[Row] = json.loads((RESULTS / "tflite.json").read_text())
    forms = list(dict.fromkeys(row["form"] for row in rows))
    lines = [
        f"| model | scheme | {' | '.join(forms)} | written in, s | mismatches |",
        "|---|---|" + "---:|" * (len(forms) + 2),
    ]
    for model, scheme in dict.fromkeys((row["model"], row["scheme"]) for row in rows):
        chosen = [row for row in rows if (row["model"], row["scheme"]) == (model, scheme)]
        sizes = " | ".join(f"{row['bytes']:,}" for row in chosen)
        wrong = str(sum(row["mismatches"] for row in chosen)) if "mismatches" in chosen[0] else "-"
        slowest = max(row["seconds"] for row in chosen)
        lines.append(f"| {model.replace('_', ' ')} | `{scheme}` | {sizes} | at most {slowest:.2f} | {wrong} |")
    return "\n".join(lines)


def _core_rows() -> list[Row]:
    rows: list[Row] = json.loads((RESULTS / "cores.json").read_text())["rows"]
    return rows


def _best(core: str, size: str, cell: str, optimize: str, figure: Callable[[Row], int]) -> Row:
    """The row of the compiler that does best by a figure; a refused one where all are."""
    rows = [r for r in _core_rows() if (r["core"], r["model"], r["cell"], r["optimize"]) == (core, size, cell, optimize)]
    return min(rows, key=lambda row: float("inf") if "refused" in row else figure(row))


def _instructions(row: Row) -> int:
    return int(row["instructions_per_step"])


def _cycles(row: Row) -> int:
    return int(row["cycles_per_step"]["value"])
