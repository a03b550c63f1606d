"""Steps of GRU and LSTM models on this host: edgeseq's files beside those of TensorFlow's converter and of Keras.

Usage: python -m benchmarks.runtimes [MODEL... | operators]

Needs the models folder (see benchmarks/paths.py), TensorFlow, tf2onnx and the extra `runtimes`; writes
benchmarks/results/runtimes.json and the tables of docs/runtimes.md. Models A, B, C and stand-ins of 128 and 256 units.
All files of a model are timed in turn in one go, each in a process of its own, batch 1, one thread. Their bytes are exact,
those of C what a program grows by; their SQNR is that over a stream of 500 steps against the float64 model. edgeseq's
integer files must give the oracle's integers. A ratio is the median over the rounds, each of which times every file once:
it holds on a machine that does other things too, where a single time does not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.bench_models import CELLS, STREAM_STEPS, Size, stand_in
from benchmarks.converter import KINDS, SUFFIXES, write_weights
from benchmarks.op_profile import profile
from benchmarks.paths import RESULTS, shared
from benchmarks.readme import fill
from edgeseq.export.c import export_c
from edgeseq.firmware.hosted import build_hosted, hosted_sizes, hosted_toolchain
from edgeseq.frontend import load_model
from edgeseq.graph import Graph
from edgeseq.graph.reference import forward
from edgeseq.measure.latency import Job, RuntimeTime, make_job, time_jobs
from edgeseq.measure.process_runner import device_name
from edgeseq.measure.verify import sqnr_db, verify
from edgeseq.quantize import QuantGraph, quantize
from edgeseq.targets import HostedTarget, load_target

TRAINED = ("A", "B", "C")
STAND_INS = {"128": Size(40, 128, 12), "256": Size(40, 256, 12)}
MODELS = tuple(f"{size}_{cell}" for size in (*TRAINED, *STAND_INS) for cell in CELLS)
# edgeseq's: what it is called in the tables, runtime, form, scheme or precision. The first is what ratios are over.
OURS: tuple[tuple[str, str, str, str], ...] = (
    ("C int8", "c", "step", "int8"),
    ("C int16x8", "c", "step", "int16x8"),
    ("tflite int8", "litert", "step", "int8"),
    ("tflite int8 stateful", "litert", "stateful", "int8"),
    ("tflite int16x8", "litert", "step", "int16x8"),
    ("tflite float32", "litert", "step", "float32"),
    ("onnx int8", "onnxruntime", "step", "int8"),
    ("onnx float32", "onnxruntime", "step", "float32"),
)
SCHEMES = ("int8", "int16x8")
# Whose program C's bytes are of; its time is this very machine's.
C_TARGET = "x86_64-avx2"
PEERS = {
    "float": "converter float",
    "dynamic": "converter dynamic range",
    "int8": "converter int8",
    "int16x8": "converter 16x8",
    "onnx": "Keras' onnx",
}
# Whose operators are timed one by one, and in which files.
PROFILED = ("A_gru",)
PROFILED_FILES = ("tflite int8", PEERS["int8"], PEERS["int16x8"], PEERS["float"])
PACKAGES = ("tensorflow", "keras", "tf2onnx", "ai-edge-litert", "onnxruntime", "ziglang")
# Rounds in which every file of a model is timed once.
ROUNDS = 51
_TIMEOUT_S = 3600


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A float model, windows that calibrate it and a stream (steps, features)."""

    name: str
    graph: Graph
    calibration: npt.NDArray[np.floating]
    stream: npt.NDArray[np.floating]


def case(name: str) -> Case:
    """A trained model, or a stand-in."""
    size, cell = name.split("_")
    if size in TRAINED:
        folder = shared("models")
        if folder is None:
            raise FileNotFoundError("no benchmark models: set EDGESEQ_SHARED to the folder that holds models/")
        data = np.load(folder / f"{name}.npz", allow_pickle=False)
        return Case(name, load_model(folder / f"{name}.keras"), data["calibration"], data["stream"])
    rng, shape = np.random.default_rng(1), STAND_INS[size]
    windows, stream = rng.normal(size=(64, 96, shape.inputs)), rng.normal(size=(STREAM_STEPS, shape.inputs))
    return Case(name, stand_in("lstm" if cell == "lstm" else "gru", shape).graph.source, windows, stream)


def convert(folder: Path) -> dict[str, Path | str]:
    """The peers' files by kind, or why there is none."""
    found: dict[str, Path | str] = {}
    while missing := [kind for kind in KINDS if kind not in found]:
        failed = _child("benchmarks.converter", str(folder), *missing)
        for kind in missing:
            path = folder / f"{kind}{SUFFIXES[kind]}"
            found[kind] = path if path.is_file() else failed or "wrote no file"
            if not path.is_file():
                break  # a crash or an exception; the next process goes on behind it
    return found


def streamed(case: Case, path: Path, folder: Path) -> dict[str, float] | str:
    """SQNR in dB of states and outputs of a file over the stream, or why it does not run."""
    np.save(folder / "stream.npy", case.stream)
    why = _child("benchmarks.stream_file", str(path), str(folder))
    if why is not None:
        return why
    name = case.graph.recurrent[0].name
    wanted = forward(case.graph, case.stream[None], keep_hidden=[name])
    return {
        "state_sqnr_db": round(sqnr_db(wanted.hidden[name][0], np.load(folder / "hidden.npy")), 2),
        "output_sqnr_db": round(sqnr_db(wanted.outputs[0], np.load(folder / "outputs.npy")), 2),
    }


def _child(module: str, *arguments: str) -> str | None:
    """Run a module; returns why it failed, None if it did not."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode < 0:
        return f"crashed with signal {-done.returncode}"
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def exact(case: Case, quantized: QuantGraph) -> dict[str, Any]:
    """SQNR of the integers, which C, every kernel of LiteRT and every level of onnxruntime must have given alike."""
    checked = verify(quantized, case.stream, formats=("tflite", "onnx"))
    return {
        "state_sqnr_db": round(checked.fidelity.state_sqnr_db or 0.0, 2),
        "output_sqnr_db": round(checked.fidelity.output_sqnr_db, 2),
        "mismatches": sum(row.mismatches for row in checked.against),
    }


def measure(case: Case, folder: Path) -> dict[str, Any]:
    """All files of one model: bytes and time, SQNR."""
    rows: list[dict[str, Any]] = []
    jobs: list[Job] = []
    models: dict[str, QuantGraph] = {scheme: quantize(case.graph, case.calibration, scheme) for scheme in SCHEMES}
    figures = {scheme: exact(case, model) for scheme, model in models.items()}
    for number, (label, runtime, form, scheme) in enumerate(OURS):
        (folder / str(number)).mkdir()
        subject: QuantGraph | Graph = models.get(scheme, case.graph)
        precision: Any = "int" if scheme in models else scheme
        job = make_job(runtime, subject, form, folder / str(number), precision=precision)
        jobs.append(job)
        rows.append({"maker": "edgeseq", "file": label, "runtime": runtime})
        rows[-1] |= figures.get(scheme) or _as_fidelity(streamed(case, Path(job.file), folder))
    write_weights(case.graph, case.calibration, folder)
    refused = []
    for kind, path in convert(folder).items():
        found = path if isinstance(path, str) else streamed(case, path, folder)
        row = {"maker": "Keras" if kind == "onnx" else "TensorFlow", "file": PEERS[kind]}
        if isinstance(path, str) or isinstance(found, str):
            refused.append({**row, "refused": found})
            continue
        runtime = "onnxruntime" if kind == "onnx" else "litert"
        jobs.append(Job(runtime, str(path)))
        rows.append({**row, "runtime": runtime, **found})
    times = time_jobs(jobs, ROUNDS)
    rows = [row | _timed(time, times[0]) for row, time in zip(rows, times, strict=True)]
    for row, (_, runtime, _, scheme) in zip(rows, OURS, strict=False):
        if runtime == "c":
            row["bytes"] = linked_bytes(models[scheme], folder / f"linked_{scheme}")
    by_name = {row["file"]: time for row, time in zip(rows, times, strict=True)}
    return {"model": case.name, "rows": [*rows, *refused], "ratios": _ratios(by_name)}


def linked_bytes(model: QuantGraph, folder: Path) -> int:
    """What a program for this kind of machine grows by with a model as C: weights, tables and code."""
    target = load_target(C_TARGET)
    assert isinstance(target, HostedTarget)
    project, toolchain = export_c(model, name="model", kernel_set=target.kernel_set), hosted_toolchain(target)
    empty = build_hosted(None, target, toolchain, folder / "empty", app="empty")
    sizes = hosted_sizes(build_hosted(project, target, toolchain, folder / "model"), project, empty)
    return sizes.model_bytes + sizes.code_bytes


def operators(case: Case, folder: Path) -> dict[str, Any]:
    """What each operator of some files takes, by file; folder: to be made."""
    folder.mkdir()
    write_weights(case.graph, case.calibration, folder)
    ours = make_job("litert", quantize(case.graph, case.calibration, "int8"), "step", folder)
    paths = {"tflite int8": Path(ours.file)} | {PEERS[kind]: path for kind, path in convert(folder).items()}
    return {
        name: profile(path.read_bytes(), folder / f"pieces{number}")
        for number, name in enumerate(PROFILED_FILES)
        if isinstance(path := paths[name], Path)
    }


def _as_fidelity(found: dict[str, float] | str) -> dict[str, float]:
    if not isinstance(found, str):
        return found
    raise RuntimeError(f"a file of edgeseq's own does not run: {found}")


def _ratios(times: dict[str, RuntimeTime]) -> list[dict[str, Any]]:
    """How many times as long TensorFlow's integer files take as edgeseq's, without copies of tensors."""
    return [
        {"ours": ours, "theirs": theirs, "ratio": round(times[theirs].alone_ns.over(times[ours].alone_ns), 3)}
        for ours, runtime, _, scheme in OURS
        if scheme in SCHEMES and runtime in ("c", "litert")
        for theirs in (PEERS["int8"], PEERS["int16x8"])
        if theirs in times
    ]


def _timed(time: RuntimeTime, first: RuntimeTime) -> dict[str, Any]:
    call, invoke = time.call_ns, time.invoke_ns
    return {
        "bytes": time.file_bytes,
        "call_ns": round(call.median, 1),
        "p95_ns": round(call.p95, 1),
        "spread_pct": round(call.spread_pct, 1),
        "runs": len(call.values),
        "invoke_ns": None if invoke is None else round(invoke.median, 1),
        "ratio": round(time.alone_ns.over(first.alone_ns), 3),
    }


def main() -> None:
    """Measure what is named, or all, and store each when it is done; the rest stays if it is of the same setting."""
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", help=f"{', '.join(MODELS)}; operators: of {', '.join(PROFILED)}")
    names = parser.parse_args().models or (*MODELS, "operators")
    if unknown := [name for name in names if name not in (*MODELS, "operators")]:
        parser.error(f"{', '.join(unknown)}: unknown; known: {', '.join(MODELS)}, operators")
    setting = {"device": device_name(), "versions": {name: version(name) for name in PACKAGES}, "steps": STREAM_STEPS}
    path = RESULTS / "runtimes.json"
    before = json.loads(path.read_text()) if path.is_file() else {}
    same = all(before.get(key) == value for key, value in setting.items())
    models = {row["model"]: row for row in before["models"]} if same else {}
    profiles = before["operators"] if same else {}
    for name in names:
        with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
            if name == "operators":
                profiles = {profiled: operators(case(profiled), Path(scratch, profiled)) for profiled in PROFILED}
            else:
                models[name] = measure(case(name), Path(scratch))
        ordered = [models[other] for other in MODELS if other in models]
        path.write_text(json.dumps({**setting, "models": ordered, "operators": profiles}, indent=1) + "\n")
        print(name, flush=True)
    fill("docs/runtimes.md")


if __name__ == "__main__":
    main()
