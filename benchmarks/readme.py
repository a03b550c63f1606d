"""Write the documents' tables: measured ones from benchmarks/results, the others from the code.

Usage: python -m benchmarks.readme [--check]
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.music import chosen_rate
from benchmarks.paths import RESULTS, ROOT
from edgeseq.export.c.support import fast_support, portable_support
from edgeseq.export.tflite.support import tflite_support
from edgeseq.frontend.handlers import HANDLERS, NOTES, REFUSED
from edgeseq.quantize.types import LAYER_TYPES, SCHEMES

Row = dict[str, Any]


def accuracy_table() -> str:
    """Float accuracy, and what each scheme changes: mean and standard deviation over seeds, per data set and cell."""
    rows: list[Row] = json.loads((RESULTS / "accuracy.json").read_text())
    schemes = list(dict.fromkeys(row["scheme"] for row in rows))
    lines = [
        f"| data | cell | seeds | float | {' | '.join(schemes)} |",
        "|---|---|---|---|" + "---|" * len(schemes),
    ]
    for data in dict.fromkeys(row["data"] for row in rows):
        for cell in dict.fromkeys(row["cell"] for row in rows):
            chosen = [row for row in rows if row["data"] == data and row["cell"] == cell]
            if not chosen:
                continue
            first = [row for row in chosen if row["scheme"] == schemes[0] and row["method"] == "ptq"]
            cells = [_changes([row for row in chosen if row["scheme"] == scheme]) for scheme in schemes]
            lines.append(
                f"| {data} | {cell.upper()}({chosen[0]['units']}) | {len(first)} "
                f"| {_spread(first, 'float_accuracy', 100, ' %')} | {' | '.join(cells)} |"
            )
    return "\n".join(lines)


def _changes(rows: list[Row]) -> str:
    """Change in points, after quantisation and after training with integers where that was measured."""
    parts = []
    for method in ("ptq", "qat"):
        change = [100 * (row["accuracy"] - row["float_accuracy"]) for row in rows if row["method"] == method]
        if change:
            spread = statistics.stdev(change) if len(change) > 1 else 0.0
            parts.append(f"{statistics.mean(change):+.2f} ± {spread:.2f}" + (f" ({len(change)})" if method == "qat" else ""))
    return "; QAT ".join(parts)


def fidelity_table() -> str:
    """How close the integers stay: classes and states, per scheme, after quantisation alone."""
    rows: list[Row] = [row for row in json.loads((RESULTS / "accuracy.json").read_text()) if row["method"] == "ptq"]
    lines = ["| data | cell | scheme | same class | state SQNR | bound | input |", "|---|---|---|---|---|---|---|"]
    for key in dict.fromkeys((row["data"], row["cell"], row["scheme"]) for row in rows):
        chosen = [row for row in rows if (row["data"], row["cell"], row["scheme"]) == key]
        codes = "/".join(sorted({row["input_dtype"] for row in chosen}))
        lines.append(
            f"| {key[0]} | {key[1].upper()}({chosen[0]['units']}) | {key[2]} | {_mean(chosen, 'agreement') * 100:.2f} % "
            f"| {_mean(chosen, 'state_sqnr_db'):.1f} dB | {_mean(chosen, 'bound_sqnr_db'):.1f} dB | {codes} |"
        )
    return "\n".join(lines)


def compact_table() -> str:
    """Cells on spoken digits, smallest weights last."""
    rows: list[Row] = json.loads((RESULTS / "compact.json").read_text())
    lines = [
        "| cell | seeds | parameters | weights, int8 | tables | state | instructions/step, M4 | float | int8 | int8x4 | QAT |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    kinds = dict.fromkeys((row["cell"], row["units"]) for row in rows)
    for kind in sorted(kinds, key=lambda kind: -next(row["weight_bytes"] for row in rows if (row["cell"], row["units"]) == kind)):
        chosen = [row for row in rows if (row["cell"], row["units"]) == kind]
        first = chosen[0]
        lines.append(
            f"| {kind[0].upper()}({kind[1]}) | {len(chosen)} | {first['parameters']:,} | {first['weight_bytes']:,} B "
            f"| {first['table_bytes']:,} B | {first['state_bytes']} B | {first['instructions_per_step']:,} ({first['kernels']}) "
            f"| {_spread(chosen, 'float_accuracy', 100, ' %')} | {_spread(chosen, 'accuracy', 100, ' %')} "
            f"| {_measured(chosen, 'int8x4_accuracy')} | {_measured(chosen, 'int8x4_qat_accuracy')} |"
        )
    return "\n".join(lines)


def _measured(rows: list[Row], key: str) -> str:
    """Spread of an accuracy over the rows that have it; empty where none was measured, with their number if it is not all."""
    found = [row for row in rows if key in row]
    fewer = f" ({len(found)})" if len(found) < len(rows) else ""
    return _spread(found, key, 100, " %") + fewer if found else ""


def layer_table() -> str:
    """Keras layers that are read, and those that are refused with their reason."""
    lines = ["| Keras layer | what of it |", "|---|---|"]
    lines += [f"| {name} | {NOTES[name]} |" for name in HANDLERS]
    lines += [f"| {name} | refused: {reason} |" for name, reason in REFUSED.items()]
    return "\n".join(lines)


def operation_table() -> str:
    """Integer layers, and how the exporters print them."""
    lines = ["| integer layer | portable C | fast kernels | .tflite |", "|---|---|---|---|"]
    lines += [
        f"| {layer.__name__} | {portable_support(layer)} | {fast_support(layer)} | {tflite_support(layer)} |"
        for layer in LAYER_TYPES
    ]
    return "\n".join(lines)


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


def model_table() -> str:
    """Fidelity of the benchmark models, and what the smallest image takes on a Cortex-M4."""
    lines = [
        "| model | state SQNR (bound) | flash | RAM | best peer, flash / RAM |",
        "|---|---|---|---|---|",
    ]
    peers = _peers()["flash_ram_bytes"]
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
    peers = _peers()["instructions_per_step"]
    for core in dict.fromkeys(row["core"] for row in _core_rows()):
        avr = core == "atmega328p"
        best = [_best(core, size, cell, "speed", _cycles if avr else _instructions) for cell, size in columns]
        values = ["does not fit" if "refused" in row else f"{(_cycles if avr else _instructions)(row):,}" for row in best]
        lines.append(f"| {core}{', cycles' if avr else ''} | " + " | ".join(values) + " |")
        if core in peers:
            lines.append("| best peer there | " + " | ".join(f"{peers[core][cell][size][0]:,}" for cell, size in columns) + " |")
    fast = {cell: _best(REFERENCE_CORE, "A", cell, "speed", _cycles) for cell in ("gru", "lstm")}
    cycles = fast["gru"]["cycles_per_step"]
    peer_cycles = _peers()["cycles_per_step"][REFERENCE_CORE]
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


def music_table() -> str:
    """Test NLL of each cell on each set, float and int8, beside the paper's, for seeds at the rate that validated best."""
    rows: list[Row] = json.loads((RESULTS / "music.json").read_text())
    paper = _peers()["music_nll"]
    lines = [
        "| data | cell | parameters | seeds | rate | train | test | test, int8 | int8 - float | test, paper |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for data, cell in dict.fromkeys((row["data"], row["cell"]) for row in rows):
        rate = chosen_rate(rows, data, cell)
        chosen = [row for row in rows if (row["data"], row["cell"], row["log_rate"]) == (data, cell, rate)]
        change = round(_mean(chosen, "int8_nll") - _mean(chosen, "test_nll"), 4) + 0.0  # not -0.0
        lines.append(
            f"| {data} | {CELL_NAMES[cell]}({chosen[0]['units']}) | {chosen[0]['parameters']:,} | {len(chosen)} | e^{rate:g} "
            f"| {_spread(chosen, 'train_nll', 1, '')} | {_spread(chosen, 'test_nll', 1, '')} "
            f"| {_spread(chosen, 'int8_nll', 1, '')} | {change:+.4f} | {paper[data][cell]:.2f} |"
        )
    return "\n".join(lines)


def music_schemes_table() -> str:
    """What each scheme adds to the float test NLL, of the same seeds."""
    rows: list[Row] = json.loads((RESULTS / "music.json").read_text())
    lines = [f"| data | cell | seeds | {' | '.join(SCHEMES)} |", "|---|---|---|" + "---|" * len(SCHEMES)]
    for data, cell in dict.fromkeys((row["data"], row["cell"]) for row in rows):
        rate = chosen_rate(rows, data, cell)
        chosen = [row for row in rows if (row["data"], row["cell"], row["log_rate"]) == (data, cell, rate)]
        changes = [[row[f"{scheme}_nll"] - row["reference_nll"] for row in chosen] for scheme in SCHEMES]
        spreads = [f" ± {statistics.stdev(change):.4f}" if len(change) > 1 else "" for change in changes]
        cells = [f"{statistics.mean(change):+.4f}{spread}" for change, spread in zip(changes, spreads, strict=True)]
        lines.append(f"| {data} | {CELL_NAMES[cell]}({chosen[0]['units']}) | {len(chosen)} | {' | '.join(cells)} |")
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


def pruned_table() -> str:
    """Accuracy of pruned models, per share and shape of blocks."""
    rows: list[Row] = json.loads((RESULTS / "pruned.json").read_text())
    blocks = sorted({row["block"] for row in rows if row["sparsity"]})
    lines = [f"| epochs | zero blocks | {' | '.join(blocks)} |", "|---" * (2 + len(blocks)) + "|"]
    for epochs, sparsity in sorted({(row["epochs"], row["sparsity"]) for row in rows}):
        alike = [row for row in rows if (row["epochs"], row["sparsity"]) == (epochs, sparsity)]
        cells = []
        for block in blocks:
            chosen = [row for row in alike if row["block"] == block or not sparsity]
            cells.append(f"{_spread(chosen, 'accuracy', 100, ' %')} ({len(chosen)})" if chosen else "")
        lines.append(f"| {epochs} | {sparsity:.0%} | {' | '.join(cells)} |")
    return "\n".join(lines)


REFERENCE_CORE = "cortex-m4"
CELL_NAMES = {"rnn": "tanh", "gru": "GRU", "lstm": "LSTM"}


def _peers() -> dict[str, Any]:
    peers: dict[str, Any] = json.loads((RESULTS.parent / "peers.json").read_text())
    return peers


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


TABLES: dict[str, Callable[[], str]] = {
    "accuracy": accuracy_table,
    "compact": compact_table,
    "cores": core_table,
    "fidelity": fidelity_table,
    "host": host_table,
    "layers": layer_table,
    "models": model_table,
    "music": music_table,
    "music schemes": music_schemes_table,
    "operations": operation_table,
    "pruned": pruned_table,
    "sparse": sparse_table,
    "tflite": tflite_table,
    "versus": versus_table,
}
# Documents with tables, and which.
DOCUMENTS = {
    "README.md": ("accuracy", "cores", "host", "models", "versus"),
    "docs/accuracy.md": ("fidelity", "compact"),
    "docs/music.md": ("music", "music schemes"),
    "docs/qat.md": ("pruned", "sparse"),
    "docs/support.md": ("layers", "operations"),
    "docs/tflite.md": ("tflite",),
}


def filled(text: str, tables: Iterable[str]) -> str:
    """Return a document with the text between each pair of markers replaced."""
    for name in tables:
        start, end = f"<!-- {name}: made by benchmarks/readme.py -->", f"<!-- end {name} -->"
        before, rest = text.split(start)
        text = f"{before}{start}\n{TABLES[name]()}\n{end}{rest.split(end)[1]}"
    return text


def main() -> None:
    """Rewrite the tables of all documents, or with --check only say whether they are current."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for document, tables in DOCUMENTS.items():
        path = ROOT / document
        current = path.read_text()
        new = filled(current, tables)
        if new != current:
            stale.append(document)
            if not check:
                path.write_text(new)
    if check and stale:
        sys.exit(f"out of date: {', '.join(stale)}")


def _mean(rows: list[Row], key: str) -> float:
    return statistics.mean(row[key] for row in rows)


def _spread(rows: list[Row], key: str, factor: float, unit: str) -> str:
    values = [factor * row[key] for row in rows]
    deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{deviation}{unit}"


if __name__ == "__main__":
    main()
