"""Measured images of random networks, one JSON line each: kept outside the project, added to whenever this runs.

Usage: python -m benchmarks.predictor_rows --count N [--macs N] [--kind small|fast|references] [--seed S]
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from benchmarks.random_models import quantized_case, random_case, reference_case, small_case
from edgeseq.choose.configuration import Configuration, TaskShape
from edgeseq.choose.prediction.layout import FAST_CELLS
from edgeseq.errors import EdgeseqError, EmulationError, ToolchainError
from edgeseq.export.c import CProject, export_c
from edgeseq.firmware.toolchain import CompilerName
from edgeseq.measure.profile import profile
from edgeseq.quantize import QuantGraph
from edgeseq.targets import OPTIMIZE_MODES, Optimize, load_core

CORES = ("cortex-m0plus", "cortex-m4", "cortex-m33", "rv32imc", "atmega328p")
ROWS = Path.home() / ".cache" / "edgeseq" / "predictor" / "rows.jsonl"
# An ATmega328P has no room for more; a large model's instructions are its mean over fewer steps.
_AVR_WEIGHT_BYTES, _AVR_RAM_BYTES, _MANY_MACS, _FEW_FRAMES = 26000, 1500, 4000, 28

Row = dict[str, Any]


def measure_row(case: tuple[Configuration, TaskShape], graph: QuantGraph, core: str, optimize: Optimize) -> Row:
    """What one network costs on one core in one mode."""
    configuration, shape = case
    row: Row = {"case": dataclasses.asdict(configuration), "shape": dataclasses.asdict(shape), "core": core, "optimize": optimize}
    target = load_core(core)
    project = export_c(graph, kernel_set=target.kernels(optimize), name="model")
    row |= _layout(project, graph)
    ram = project.state_bytes + project.scratch_bytes + 2 * (project.window_steps or 1) * project.input_size
    if core == "atmega328p" and (project.weight_bytes > _AVR_WEIGHT_BYTES or ram > _AVR_RAM_BYTES):
        return row | {"refused": "too large"}
    compiler: CompilerName = "zig" if target.zig_target else "gcc"
    try:
        cost = profile(graph, target, compiler=compiler, optimize=optimize, project=project, inputs=_inputs(graph))
    except (EmulationError, ToolchainError) as error:
        return row | {"refused": str(error).partition(":")[0]}
    assert cost.cycles_per_step is not None  # bare cores have them
    return row | {
        "compiler": cost.compiler,
        "model": cost.flash_model_bytes,
        "code": cost.flash_code_bytes,
        "flash": cost.flash_image_bytes,
        "ram": cost.ram_image_bytes,
        "stack": cost.ram_stack_bytes,
        "instructions": cost.instructions_per_step if cost.window is None else cost.window.instructions,
        "cycles": cost.cycles_per_step.value if cost.window is None else cost.window.cycles,
    }


def _layout(project: CProject, graph: QuantGraph) -> Row:
    return {
        "weights": project.weight_bytes,
        "tables": project.table_bytes,
        "state": project.state_bytes,
        "scratch": project.scratch_bytes,
        "macs": graph.source.macs_per_step,
        "sources": sorted(Path(source).stem for source in project.sources if source.startswith("kernels/")),
        "bounded": [int(line.split()[-1]) for line in project.files["model.c"].splitlines() if "ES_BOUNDED" in line],
        "fallbacks": sorted(project.fallbacks.values()),
        "windows": project.window_steps,
    }


def _inputs(graph: QuantGraph) -> npt.NDArray[np.integer] | None:
    if graph.window_steps is not None or graph.source.macs_per_step < _MANY_MACS:
        return None
    low, high = graph.input.code_range
    shape = (_FEW_FRAMES, graph.input_size)
    return np.random.default_rng(0).integers(low, high + 1, shape).astype(np.dtype(graph.input.dtype))


def read_rows(path: Path = ROWS) -> list[Row]:
    """All rows that were measured, those that some core has no room for included."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def case_of(row: Row) -> tuple[Configuration, TaskShape]:
    """The network of a row."""
    layers = tuple((str(cell), int(units)) for cell, units in row["case"]["layers"])
    return Configuration(**{**row["case"], "layers": layers}), TaskShape(**row["shape"])


def _new_rows(seed: int, largest_macs: float, kind: str) -> Iterator[Row]:
    """Random networks; or small ones of one cell, or without recurrence, in turn through all kinds and types.

    fast: small ones of cells that have kernels of their own, for speed, whose functions are many.
    """
    rng = np.random.default_rng(seed)
    for number in itertools.count(seed):
        small = kind != "random"
        make = {"small": small_case, "fast": partial(small_case, cells=tuple(FAST_CELLS)), "references": reference_case}.get(kind)
        case = make(rng, number) if make else random_case(rng, largest_macs)
        try:
            graph = quantized_case(*case, seed=int(rng.integers(1 << 30)))
        except EdgeseqError as error:
            print(f"{case[0].title}: {error}", flush=True)
            continue
        for core in CORES:
            # The Cortex-M33 runs what the M4 runs; size mode is regular, and large networks run long in it.
            if core == "cortex-m33" and small:
                continue
            both = kind in ("small", "references") or (kind == "random" and rng.uniform() < 0.3)
            for optimize in OPTIMIZE_MODES if both else ("speed",):
                yield measure_row(case, graph, core, cast("Optimize", optimize))


def main() -> None:
    """Measure and append."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--macs", type=float, default=40_000)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--out", type=Path, default=ROWS)
    parser.add_argument("--kind", choices=["random", "small", "fast", "references"], default="random", help="of networks")
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    seed = given.seed if given.seed is not None else 1000 + len(read_rows(given.out))
    for _, row in zip(range(given.count), _new_rows(seed, given.macs, given.kind), strict=False):
        with given.out.open("a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
