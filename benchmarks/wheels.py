"""Exported GRU and LSTM on the real wheels of aarch64 and 32-bit Arm, under QEMU, against the oracle.

Usage: python -m benchmarks.wheels [--architectures aarch64,armv7] [--runtimes ai-edge-litert,tflite-runtime,onnxruntime]
           [--steps 96]

Needs a Debian or Ubuntu system (apt-get downloads that architecture's Python), pip, qemu-user and onnx; model A where the
models folder is (see benchmarks/paths.py), else stand-ins. Writes benchmarks/results/wheels.json after every runtime, whose
rows take the place of older ones. What is compared is every output and state, by ==; time under QEMU means nothing and is
not kept.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.arm_root import ARCHITECTURES, Architecture, ArmPython, install_wheels, make_python, need
from benchmarks.bench_models import CELLS, bench_model
from benchmarks.paths import RESULTS
from benchmarks.streams import chosen
from benchmarks.wheels_worker import RUNNERS
from edgeseq.errors import DataError, EdgeseqError
from edgeseq.export.onnx import export_onnx
from edgeseq.export.tflite import export_tflite
from edgeseq.measure.litert_runner import states_of_calls
from edgeseq.measure.litert_worker import KERNELS
from edgeseq.measure.onnx_runner import LEVELS
from edgeseq.quantize import QuantGraph
from edgeseq.quantize.types import SCHEMES
from edgeseq.simulate import Oracle

# Time steps of one call of each form.
FORMS: dict[Any, int] = {"step": 1, "unrolled": 8}
STEPS = 96
MODEL = "A"
# Debian's numpy, for architectures of which PyPI has none.
_DEBIAN_NUMPY = "python3-numpy"


@dataclass(frozen=True, slots=True)
class Runtime:
    """requirements: what pip fetches; kernels: its ways to run, by our names, as the worker names them."""

    suffix: str
    requirements: tuple[str, ...]
    kernels: dict[str, str]


_RESOLVERS = {name: name for name in KERNELS}
RUNTIMES = {
    "ai-edge-litert": Runtime("tflite", ("ai-edge-litert", "numpy"), _RESOLVERS),
    # Built against the C interface of the first numpy.
    "tflite-runtime": Runtime("tflite", ("tflite-runtime", "numpy<2"), _RESOLVERS),
    "onnxruntime": Runtime("onnx", ("onnxruntime", "numpy"), LEVELS),
}


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One file, one way to run it, and what the oracle says: outputs and states, a row a call."""

    cell: str
    scheme: str
    form: str
    kernels: str
    results: str
    wanted: dict[str, Any]


def write_jobs(runtime: str, folder: Path, steps: int) -> list[Job]:
    """Write the files that a runtime is to run, and jobs.json."""
    kind = RUNTIMES[runtime]
    jobs, listed = [], []
    for cell in CELLS:
        for scheme in SCHEMES:
            graph = bench_model(MODEL, cell, scheme).graph
            low, high = graph.input.code_range
            codes = np.random.default_rng(1).integers(low, high + 1, (steps, graph.input_size)).astype(graph.input.dtype)
            np.save(folder / f"{cell}-{scheme}.npy", codes)
            run = Oracle(graph).run(codes[None], keep_states=True)
            for form, count in FORMS.items():
                name = f"{cell}-{scheme}-{form}"
                (folder / f"{name}.{kind.suffix}").write_bytes(_file(graph, runtime, form, count))
                states = states_of_calls(graph, count, run)[0]
                wanted = {"outputs": run.outputs[0].reshape(len(states), -1), "states": states}
                for kernels, there in kind.kernels.items():
                    job = Job(cell, scheme, form, kernels, f"{name}-{kernels}.npz", wanted)
                    jobs.append(job)
                    listed.append([f"{name}.{kind.suffix}", f"{cell}-{scheme}.npy", job.results, there])
    (folder / "jobs.json").write_text(json.dumps(listed))
    return jobs


def _file(graph: QuantGraph, runtime: str, form: Any, count: int) -> bytes:
    if RUNTIMES[runtime].suffix == "onnx":
        return export_onnx(graph, form, None if count == 1 else count).data
    # tflite-runtime 2.14 has no INT4.
    return export_tflite(graph, form, None if count == 1 else count, wide_weights=runtime == "tflite-runtime").data


def compare_jobs(jobs: list[Job], folder: Path, steps: int) -> list[dict[str, Any]]:
    """A row for each job: values compared and how many differ."""
    rows = []
    for job in jobs:
        with np.load(folder / job.results) as got:
            wrong = sum(int(np.count_nonzero(got[name] != job.wanted[name])) for name in job.wanted)
        values = sum(array.size for array in job.wanted.values())
        row = {"cell": job.cell, "scheme": job.scheme, "form": job.form, "kernels": job.kernels}
        rows.append({**row, "steps": steps, "values": values, "mismatches": wrong})
    return rows


def measure(python: ArmPython, runtime: str, folder: Path, steps: int, debian: dict[str, str]) -> list[dict[str, Any]]:
    """All files on one runtime of one architecture; a row that says why where there is no such wheel."""
    about = {"architecture": python.architecture.name, "runtime": runtime, "python": python.version}
    site = folder / "site"
    requirements = [name for name in RUNTIMES[runtime].requirements if not (debian and name.startswith("numpy"))]
    versions = install_wheels(python, site, requirements)
    if versions is None:
        return [{**about, "refused": f"PyPI has no wheel for {python.architecture.machine} and Python {python.version}"}]
    jobs = write_jobs(runtime, folder, steps)
    said = python.run(site, [str(Path(__file__).with_name("wheels_worker.py")), runtime, str(folder)])
    numpy = json.loads(said.splitlines()[-1])["numpy"]
    rows = compare_jobs(jobs, folder, steps)
    return [{**about, "version": versions[runtime], "numpy": numpy, **row} for row in rows]


def measure_architecture(architecture: Architecture, runtimes: list[str], steps: int) -> Iterator[list[dict[str, Any]]]:
    """Every runtime on one architecture, the rows of one after another."""
    # Debian has numpy for all of them, which serves where PyPI has none.
    debian = {"numpy": _DEBIAN_NUMPY} if architecture.name == "armv7" else {}
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        python = make_python(architecture, Path(scratch), list(debian.values()))
        for runtime in runtimes:
            folder = Path(scratch) / runtime
            folder.mkdir()
            yield measure(python, runtime, folder, steps, debian)


def run(arguments: argparse.Namespace) -> None:
    """Measure what is asked for and write it."""
    architectures = chosen(arguments.architectures, ARCHITECTURES, "--architectures")
    runtimes = chosen(arguments.runtimes, dict(RUNNERS), "--runtimes")
    longest = max(FORMS.values())
    if arguments.steps < 1 or arguments.steps % longest:
        raise DataError(f"--steps {arguments.steps}; expected a multiple of {longest}, which the unrolled form takes at a time")
    need([ARCHITECTURES[name].qemu for name in architectures])
    version = subprocess.run([ARCHITECTURES[architectures[0]].qemu, "--version"], capture_output=True, text=True, check=True)
    qemu = version.stdout.split()[2]
    rows = json.loads(arguments.out.read_text())["rows"] if arguments.out.exists() else []
    for name in architectures:
        for new in measure_architecture(ARCHITECTURES[name], runtimes, arguments.steps):
            rows = [row for row in rows if (row["architecture"], row["runtime"]) != (name, new[0]["runtime"])] + new
            print(json.dumps(new[-1]), file=sys.stderr, flush=True)
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(json.dumps({"qemu": qemu, "rows": rows}, indent=1) + "\n")


def main(words: list[str] | None = None) -> None:
    """Run from the command line; exit 2 with a message where something is missing or wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--architectures", default=",".join(ARCHITECTURES))
    parser.add_argument("--runtimes", default=",".join(RUNTIMES))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=RESULTS / "wheels.json")
    try:
        run(parser.parse_args(words))
    except EdgeseqError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
