"""Models A, B, C on the runtimes that need an environment of their own: tflite-runtime, tflite-micro, onnxruntime-web.

Usage: python -m benchmarks.other_runtimes [--environments FOLDER] [--build-only]

Builds the environments with pip and npm, in a folder that is kept if it is named, runs `edgeseq verify` of every
scheme there, and writes benchmarks/results/other_runtimes.json, with the versions, and its table in docs/runtimes.md.
Needs the models folder (see benchmarks/paths.py), Python 3.11 on the PATH, node and npm.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.models import CELLS, MODELS
from benchmarks.paths import RESULTS, shared
from benchmarks.readme import fill
from edgeseq.errors import EmulationError
from edgeseq.frontend import load_model
from edgeseq.measure.onnx_web_runner import WEB_FOLDER
from edgeseq.measure.pythons import PACKAGES
from edgeseq.measure.verify import verify
from edgeseq.quantize import quantize
from edgeseq.quantize.types import SCHEMES

PYTHON = "python3.11"
# What pip installs; tflite-micro has pre-releases alone.
REQUIREMENTS = {"tflite-runtime": ("tflite-runtime", "numpy<2"), "tflite-micro": ("--pre", "tflite-micro")}
WEB = "onnxruntime-web"


def build(folder: Path) -> dict[str, str]:
    """Make what is not there yet and name it in the environment; returns the versions."""
    versions = {"python": PYTHON, "machine": platform.machine()}
    for name, requirements in REQUIREMENTS.items():
        python = folder / name / "bin" / "python"
        if not python.exists():
            _run(_program(PYTHON), "-m", "venv", str(folder / name))
            _run(str(python), "-m", "pip", "install", "--quiet", *requirements)
        os.environ[PACKAGES[name].variable] = str(python)
        versions[name] = _run(str(python), "-c", f"import importlib.metadata as m; print(m.version({name!r}))")
    web = folder / "web"
    package = web / "node_modules" / WEB / "package.json"
    if not package.exists():
        web.mkdir(parents=True, exist_ok=True)
        _run(_program("npm"), "install", "--silent", "--prefix", str(web), WEB)
    os.environ[WEB_FOLDER] = str(web)
    return versions | {WEB: json.loads(package.read_text())["version"], "node": _run(_program("node"), "--version")}


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise FileNotFoundError(f"{name} is not on the PATH")
    return path


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()


def measure(name: str) -> list[dict[str, Any]]:
    """Mismatches of one model by scheme and runtime, over its stream of 500 steps."""
    folder = shared("models")
    if folder is None:
        raise FileNotFoundError("no benchmark models: set EDGESEQ_SHARED to the folder that holds models/")
    data = np.load(folder / f"{name}.npz", allow_pickle=False)
    graph = load_model(folder / f"{name}.keras")
    rows: list[dict[str, Any]] = []
    for scheme in SCHEMES:
        quantized = quantize(graph, data["calibration"], scheme)
        for runtime in (*REQUIREMENTS, WEB):
            row = {"model": name, "scheme": scheme, "runtime": runtime}
            try:
                checked = verify(quantized, data["stream"], formats=(runtime,), host=False)
            except EmulationError as error:
                rows.append(row | {"refused": str(error)})
                continue
            wrong = sum(result.mismatches for result in checked.against)
            rows.append(row | {"runs": len(checked.against), "steps": checked.steps, "mismatches": wrong})
    return rows


def main() -> None:
    """Build, verify, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--environments", type=Path)
    parser.add_argument("--build-only", action="store_true", help="leave the environments in their folder and stop")
    arguments = parser.parse_args()
    if arguments.build_only and arguments.environments is None:
        parser.error("--build-only needs --environments")
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        versions = build((arguments.environments or Path(scratch)).resolve())
        if arguments.build_only:
            return
        rows = [row for size in MODELS for cell in CELLS for row in measure(f"{size}_{cell}")]
    (RESULTS / "other_runtimes.json").write_text(json.dumps({"versions": versions, "rows": rows}, indent=1) + "\n")
    fill("docs/runtimes.md")


if __name__ == "__main__":
    main()
