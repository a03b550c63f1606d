"""What models A, B, C cost on every core: both cells, both modes, both compilers.

Usage: python -m benchmarks.cores [--cores NAME,...] [--diff]   (make bench-diff)

Writes benchmarks/results/cores.json and docs/cores.md. --diff writes nothing: it measures again,
compares with the stored results and fails if a figure has grown by more than 2 %.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench_models import CELLS, SIZES, BenchModel, CellName, bench_model, gru_like_lstm, parameters, stand_in
from benchmarks.paths import RESULTS, ROOT
from edgeseq.errors import ToolchainError
from edgeseq.export.c import export_c
from edgeseq.firmware.toolchain import CompilerName
from edgeseq.measure.profile import profile
from edgeseq.measure.verify import run_on_core
from edgeseq.simulate import Oracle
from edgeseq.targets import OPTIMIZE_MODES, Core, Optimize, core_names, load_core

Row = dict[str, Any]
COMPILERS: tuple[CompilerName, ...] = ("zig", "gcc")
CHECKED_STEPS = 100
TOLERANCE = 0.02
# Where a GRU and an LSTM are compared, and what else is compared there.
VERSUS_CORE, VERSUS_COMPILER = "cortex-m4", "zig"
FIGURES = (("instructions_per_step",), ("cycles_per_step", "value"), ("flash_bytes", "image"), ("ram_bytes", "image"))


def measure(core: str, size: str, cell: CellName, optimize: Optimize, compiler: CompilerName) -> Row:
    """One row: costs, and mismatches against the oracle over the first steps, states included."""
    row: Row = {"core": core, "model": size, "cell": cell, "optimize": optimize, "compiler": compiler}
    try:
        return row | _costs(bench_model(size, cell), load_core(core), optimize, compiler)
    except ToolchainError as error:
        return row | {"refused": str(error).partition(":")[0]}


def _costs(model: BenchModel, core: Core, optimize: Optimize, compiler: CompilerName) -> Row:
    project = export_c(model.graph, kernel_set=core.kernels(optimize))
    cost = profile(model.graph, core, compiler=compiler, optimize=optimize, inputs=model.stream, project=project)
    codes = model.stream[:CHECKED_STEPS]
    wanted = Oracle(model.graph).run(codes[None], keep_states=True)
    assert wanted.states is not None  # keep_states was given
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as folder:
        reset = np.arange(len(codes)) == 0
        outputs, states = run_on_core(project, codes, reset, core.name, Path(folder), compiler, optimize)
    mismatches = np.count_nonzero(outputs != wanted.outputs[0]) + np.count_nonzero(states != wanted.states[0])
    assert cost.cycles_per_step is not None  # bare cores have a model or a simulator
    return {
        "compiler_version": cost.compiler,
        "kernels": cost.kernel_set,
        "trained": model.trained,
        "mismatches": int(mismatches),
        "macs_per_step": cost.macs_per_step,
        "instructions_per_step": cost.instructions_per_step,
        "cycles_per_step": {
            "value": cost.cycles_per_step.value,
            "tier": cost.cycles_per_step.tier,
            "error_pct": cost.cycles_per_step.error_pct,
        },
        "flash_bytes": {
            "weights": project.weight_bytes,
            "tables": cost.flash_model_bytes - project.weight_bytes,
            "code": cost.flash_code_bytes,
            "image": cost.flash_image_bytes,
        },
        "ram_bytes": {
            "state": cost.ram_state_bytes,
            "scratch": cost.ram_scratch_bytes,
            "stack": cost.ram_stack_bytes,
            "image": cost.ram_image_bytes,
        },
    }


def versus() -> list[Row]:
    """GRU and LSTM at equal units, and a GRU with as many parameters as the LSTM, all with seeded weights."""
    core = load_core(VERSUS_CORE)
    rows = []
    for name, size in SIZES.items():
        for label, cell, chosen in (
            ("LSTM", "lstm", size),
            ("GRU, equal units", "gru", size),
            ("GRU, equal parameters", "gru", gru_like_lstm(size)),
        ):
            model = stand_in(cell, chosen)
            small, fast = (_costs(model, core, mode, VERSUS_COMPILER) for mode in ("size", "speed"))
            rows.append(
                {
                    "model": name,
                    "label": label,
                    "units": chosen.units,
                    "parameters": parameters(cell, chosen),
                    "mismatches": small["mismatches"] + fast["mismatches"],
                    "flash_bytes": small["flash_bytes"]["image"],
                    "ram_bytes": small["ram_bytes"]["image"],
                    "instructions_per_step": fast["instructions_per_step"],
                    "cycles_per_step": fast["cycles_per_step"],
                }
            )
    return rows


def builds(cores: list[str]) -> list[tuple[str, str, CellName, Optimize, CompilerName]]:
    """Every combination whose compiler is on this machine."""
    return [
        (core, size, cell, optimize, compiler)
        for core in cores
        for size in SIZES
        for cell in CELLS
        for optimize in OPTIMIZE_MODES
        for compiler in COMPILERS
        if (load_core(core).zig_target if compiler == "zig" else shutil.which(f"{load_core(core).gcc_prefix}gcc"))
    ]


def measure_all(cores: list[str]) -> list[Row]:
    """All rows of these cores, in order, measured in parallel."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(measure, *zip(*builds(cores), strict=True)))


def losses(old: list[Row], new: list[Row]) -> list[str]:
    """What got worse by more than the tolerance, or wrong, in rows that both have."""
    known = {_key(row): row for row in old}
    found = []
    for row in new:
        name = " ".join(_key(row))
        if row.get("mismatches"):
            found.append(f"{name}: {row['mismatches']} mismatches")
        before = known.get(_key(row))
        if before is None or "refused" in before:
            continue
        if "refused" in row:
            found.append(f"{name}: refused now ({row['refused']})")
            continue
        for figure in FIGURES:
            was, now = _at(before, figure), _at(row, figure)
            if now > was * (1 + TOLERANCE):
                found.append(f"{name}: {' '.join(figure)} {was:,} -> {now:,} ({now / was - 1:+.1%})")
    return found


def markdown(rows: list[Row]) -> str:
    """The full table, a section per core."""
    lines = [
        "# Every core, model, mode and compiler",
        "",
        "Made by `python -m benchmarks.cores`; do not edit. Bytes and instructions are exact, cycles as labelled.",
        "A: 16 inputs, 32 units, 10 outputs; B: 9, 16, 6; C: 40, 64, 12. Flash: weights / tables / code / whole image;",
        "RAM: state / scratch / stack / whole image, in bytes. An image holds start-up and input/output too.",
    ]
    for core in dict.fromkeys(row["core"] for row in rows):
        mine = [row for row in rows if row["core"] == core]
        cycles = next((row["cycles_per_step"] for row in mine if "refused" not in row), None)
        label = "" if cycles is None else f"cycles: {cycles['tier']}"
        error = "" if cycles is None or cycles["error_pct"] is None else f", ± {cycles['error_pct']:g} %"
        lines += ["", f"## {core}", "", f"{load_core(core).description}; {label}{error}.", ""]
        lines += ["| model | mode | compiler | kernels | instructions | per MAC | cycles | flash | RAM |", "|---" * 9 + "|"]
        lines += [_line(row) for row in mine]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    start = f"| {row['cell'].upper()} {row['model']} | {row['optimize']} | {row['compiler']}"
    if "refused" in row:
        return f"{start} | | {row['refused']} | | | | |"
    flash, ram = (" / ".join(f"{value:,}" for value in row[kind].values()) for kind in ("flash_bytes", "ram_bytes"))
    per_mac = row["instructions_per_step"] / row["macs_per_step"]
    return (
        f"{start} | {row['kernels']} | {row['instructions_per_step']:,} | {per_mac:.2f} "
        f"| {row['cycles_per_step']['value']:,} | {flash} | {ram} |"
    )


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row[field] for field in ("core", "cell", "model", "optimize", "compiler"))


def _at(row: Row, path: tuple[str, ...]) -> int:
    value: Any = row
    for field in path:
        value = value[field]
    return int(value)


def main() -> None:
    """Measure, then write or compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cores", default=",".join(core_names()), help="comma-separated; the others keep their stored rows")
    parser.add_argument("--diff", action="store_true", help="compare with the stored results instead of writing them")
    options = parser.parse_args()
    cores = options.cores.split(",")
    path = RESULTS / "cores.json"
    stored = json.loads(path.read_text()) if path.exists() else {"rows": [], "versus": []}
    rows = measure_all(cores)
    found = losses(stored["rows"], rows)
    for line in found:
        print(line)
    if options.diff:
        print(f"{len(rows)} rows compared, {len(found)} losses above {TOLERANCE:.0%}")
        sys.exit(bool(found))
    kept = [row for row in stored["rows"] if row["core"] not in cores]
    every = sorted(kept + rows, key=_key)
    path.write_text(json.dumps({"rows": every, "versus": versus()}, indent=1) + "\n")
    (ROOT / "docs" / "cores.md").write_text(markdown(every))


if __name__ == "__main__":
    main()
