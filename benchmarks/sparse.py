"""What blocks of zeros are worth on GRU A: flash and instructions a step, stored whole and without them.

Usage: python -m benchmarks.sparse

Writes benchmarks/results/sparse.json. Zero blocks lie at seeded places of the quantised model: its costs do not depend on
what it has learned. What pruning does to accuracy: benchmarks/pruned.py.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.bench_models import BenchModel, bench_model, zero_blocks
from benchmarks.paths import RESULTS
from edgeseq.export.c import CProject, export_c
from edgeseq.measure.profile import profile
from edgeseq.measure.verify import run_on_core
from edgeseq.quantize import QuantGraph
from edgeseq.simulate import Oracle
from edgeseq.targets import Optimize, load_core

Row = dict[str, Any]
SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)
# Core, mode, and the shapes that were pruned there: of the first its kernels leave every block out.
BUILDS: tuple[tuple[str, Optimize, tuple[tuple[int, int], ...]], ...] = (
    ("cortex-m4", "speed", ((4, 4), (1, 4))),
    ("cortex-m0plus", "speed", ((4, 4), (1, 4))),
    ("cortex-m4", "size", ((1, 4),)),
    ("cortex-m0plus", "size", ((1, 4),)),
    ("atmega328p", "size", ((1, 4),)),
)
CHECKED_STEPS = 60
# Number of the sparse form among those that the rule compares.
_SPARSE = 1


def measure(model: BenchModel, core: str, optimize: Optimize, block: tuple[int, int], share: float) -> Row:
    """Costs in the form that the exporter chooses, and in the sparse one; mismatches of both against the oracle."""
    graph = zero_blocks(model.graph, share, block)
    row: Row = {"core": core, "optimize": optimize, "block": f"{block[0]}x{block[1]}", "share": share}
    for name, form in (("chosen", None), ("sparse", _SPARSE)):
        project = _project(graph, core, optimize, form)
        cost = profile(graph, core, optimize=optimize, inputs=model.stream, project=project)
        row[name] = {
            "sparse": bool(project.sparse),
            "weight_bytes": project.weight_bytes,
            "flash_bytes": cost.flash_image_bytes,
            "instructions_per_step": cost.instructions_per_step,
            "mismatches": _mismatches(graph, project, core, optimize, model),
        }
    return row


def _project(graph: QuantGraph, core: str, optimize: Optimize, form: int | None) -> CProject:
    """The project in one form, or in the one that the exporter's rule chooses."""
    kernels = load_core(core).kernels(optimize)
    if form is None:
        return export_c(graph, kernel_set=kernels)
    with patch("edgeseq.export.c.fast.best", lambda _costs: form):
        return export_c(graph, kernel_set=kernels)


def _mismatches(graph: QuantGraph, project: CProject, core: str, optimize: Optimize, model: BenchModel) -> int:
    codes = model.stream[:CHECKED_STEPS]
    wanted = Oracle(graph).run(codes[None], keep_states=True)
    assert wanted.states is not None  # keep_states was given
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as folder:
        outputs, states = run_on_core(project, codes, np.arange(len(codes)) == 0, core, Path(folder), "zig", optimize)
    return int(np.count_nonzero(outputs != wanted.outputs[0]) + np.count_nonzero(states != wanted.states[0]))


def main() -> None:
    """Measure all builds."""
    model = bench_model("A", "gru")
    rows = []
    for core, optimize, blocks in BUILDS:
        for block in blocks:
            for share in SHARES:
                rows.append(measure(model, core, optimize, block, share))
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    (RESULTS / "sparse.json").write_text(json.dumps({"trained": model.trained, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
