"""100,000 steps of GRU and LSTM in every scheme: the oracle, C, LiteRT and onnxruntime, value by value.

Usage: python -m benchmarks.streams [--steps 100000] [--models A,C] [--schemes int8,int16x8,int8x4,int16x4] [--export-only]

One stream of noise over all input codes a model, states carried from the first step to the last. LiteRT runs its default,
built-in and reference kernels, onnxruntime every level of graph optimisation, C the portable kernels on this machine.
How long a fresh process takes to write each form is recorded too, with the proof that it never imported TensorFlow.
Writes benchmarks/results/streams.json after every model, and goes on from there: what has as many steps is not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.bench_models import CELLS, SIZES, bench_model
from benchmarks.paths import RESULTS
from edgeseq.errors import DataError, EdgeseqError, TargetError
from edgeseq.export.c import export_c
from edgeseq.export.onnx import export_onnx
from edgeseq.export.tflite import export_tflite
from edgeseq.measure.comparison import Comparison, compare
from edgeseq.measure.litert_runner import run_litert, states_of_calls
from edgeseq.measure.litert_worker import KERNELS
from edgeseq.measure.onnx_runner import LEVELS, run_onnx
from edgeseq.measure.verify import run_on_host
from edgeseq.quantize import QuantGraph, write_esq
from edgeseq.quantize.types import SCHEMES
from edgeseq.simulate import Oracle, OracleRun

STEPS = 100_000
MODELS = ("A", "C")
# What a fresh process writes: options of `edgeseq export`.
FORMS = {
    "tflite, step": ("--format", "tflite", "--form", "step"),
    "tflite, stateful": ("--format", "tflite", "--form", "stateful"),
    "tflite, unrolled 16": ("--format", "tflite", "--form", "unrolled", "--steps", "16"),
    "tflite, window 16": ("--format", "tflite", "--form", "window", "--steps", "16"),
    "tflite, float32 step": ("--format", "tflite", "--form", "step", "--precision", "float32"),
    "tflite, fused (LSTM)": ("--format", "tflite", "--form", "fused"),
    "onnx, step": ("--format", "onnx", "--form", "step"),
    "onnx, unrolled 16": ("--format", "onnx", "--form", "unrolled", "--steps", "16"),
    "onnx, float": ("--format", "onnx", "--form", "float"),
    "C": (),
}
EXPORT_RUNS = 3
_EXPORT = """
import sys, time
start, processor = time.perf_counter(), time.process_time()
import edgeseq.cli.main as command
command.main(sys.argv[1:])
print(time.perf_counter() - start, time.process_time() - processor, file=sys.stderr)
assert not {"tensorflow", "keras"} & set(sys.modules), "TensorFlow was imported"
"""


def runs(graph: QuantGraph, codes: npt.NDArray[np.integer], oracle: OracleRun) -> Iterator[Comparison]:
    """One runner after another against the oracle's run of a stream, codes (1, steps, features)."""
    assert oracle.states is not None
    steps = codes.shape[1]
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        got = run_on_host(export_c(graph), codes[0], np.arange(steps) == 0, Path(scratch))
        yield compare("C, this host", got, (oracle.outputs[0], oracle.states[0]))
    wanted = (oracle.outputs, states_of_calls(graph, 1, oracle))
    step = export_tflite(graph, "step")
    for kernels in KERNELS:
        yield compare(f"LiteRT, {kernels} kernels", run_litert(step, codes, kernels), wanted)
    model = export_onnx(graph, "step")
    for level in LEVELS:
        yield compare(f"onnxruntime, {level}", run_onnx(model, codes, level), wanted)


def measure(size: str, cell: Any, scheme: Any, steps: int) -> list[dict[str, Any]]:
    """A row a runner."""
    graph = bench_model(size, cell, scheme).graph
    low, high = graph.input.code_range
    codes = np.random.default_rng(2).integers(low, high + 1, (1, steps, graph.input_size)).astype(graph.input.dtype)
    oracle = Oracle(graph).run(codes, keep_states=True)
    assert oracle.states is not None
    about = {"model": f"{size}_{cell}", "scheme": scheme, "steps": steps}
    values = oracle.outputs.size + oracle.states.size
    return [
        {**about, "runner": row.name, "values": values, "mismatches": row.mismatches, "max_abs_lsb": row.max_abs_lsb}
        for row in runs(graph, codes, oracle)
    ]


def export_times(folder: Path) -> list[dict[str, Any]]:
    """Seconds of a fresh process from the first import to the written file: the fastest of several, by form and cell."""
    rows = []
    for cell in CELLS:
        model = folder / f"C_{cell}.esq"
        write_esq(bench_model("C", cell).graph, model)
        for form, options in FORMS.items():
            if "fused" in form and cell != "lstm":
                continue
            suffix = f".{options[1]}" if options else ""
            command = [sys.executable, "-c", _EXPORT, "export", str(model), *options, "--out"]
            took = []
            for run in range(EXPORT_RUNS):
                out = str(folder / f"{cell}-{len(rows)}-{run}{suffix}")
                done = subprocess.run([*command, out], capture_output=True, text=True, check=True)
                took.append([float(word) for word in done.stderr.split()[-2:]])
            wall, processor = (min(column) for column in zip(*took, strict=True))
            rows.append({"model": f"C_{cell}", "form": form, "wall_s": round(wall, 2), "processor_s": round(processor, 2)})
    return rows


def run(arguments: argparse.Namespace) -> None:
    """Measure what is not in the results yet."""
    if arguments.steps < 1:
        raise DataError(f"--steps {arguments.steps}; expected 1 or more")
    sizes = chosen(arguments.models, SIZES, "--models")
    schemes = chosen(arguments.schemes, SCHEMES, "--schemes")
    result: dict[str, Any] = {"rows": [], "export": []}
    if arguments.out.exists():
        result = json.loads(arguments.out.read_text())
    done = {(row["model"], row["scheme"]) for row in result["rows"] if row["steps"] >= arguments.steps}
    wanted = [(size, cell, scheme) for size in sizes for cell in CELLS for scheme in schemes]
    for size, cell, scheme in [] if arguments.export_only else wanted:
        if (f"{size}_{cell}", scheme) in done:
            continue
        kept = [row for row in result["rows"] if (row["model"], row["scheme"]) != (f"{size}_{cell}", scheme)]
        result["rows"] = kept + measure(size, cell, scheme, arguments.steps)
        print(json.dumps(result["rows"][-1]), file=sys.stderr, flush=True)
        _write(arguments.out, result)
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        result["export"] = export_times(Path(scratch))
    _write(arguments.out, result)


def chosen(text: str, known: Any, what: str) -> list[str]:
    """Names of a comma-separated list. Raises TargetError for one that is not known."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise TargetError(f"{what} {name!r}; expected of: {', '.join(known)}")
    return names


def _write(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")


def main(words: list[str] | None = None) -> None:
    """Run from the command line; exit 2 with a message where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--schemes", default=",".join(SCHEMES))
    parser.add_argument("--export-only", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS / "streams.json")
    try:
        run(parser.parse_args(words))
    except EdgeseqError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
