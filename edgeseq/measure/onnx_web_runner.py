"""An .onnx on onnxruntime-web under Node, the WebAssembly that a page runs, against the oracle."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.errors import EmulationError, TargetError
from edgeseq.export.onnx import OnnxModel, export_onnx
from edgeseq.export.operators import Port
from edgeseq.measure.comparison import Comparison, compare
from edgeseq.measure.litert_runner import states_of_calls
from edgeseq.measure.litert_worker import LitertRun
from edgeseq.quantize.types import QuantGraph
from edgeseq.simulate import OracleRun

# Folder whose node_modules has the package; the working folder without it.
WEB_FOLDER = "EDGESEQ_ONNXRUNTIME_WEB"
_WORKER = Path(__file__).with_name("onnx_web_worker.mjs")
_TIMEOUT_S = 600


def find_onnx_web() -> tuple[str, Path]:
    """Return Node and the folder whose node_modules has onnxruntime-web; raises TargetError with what installs them."""
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None:
        raise TargetError("node is not on the PATH; it runs onnxruntime-web. Install it (Debian: apt-get install nodejs)")
    folder = Path(os.environ.get(WEB_FOLDER, "."))
    if not (folder / "node_modules" / "onnxruntime-web").is_dir():
        raise TargetError(
            f"{folder / 'node_modules'} has no onnxruntime-web. Install it with: npm install --prefix web onnxruntime-web, "
            f"and set {WEB_FOLDER} to web"
        )
    return node, folder


def run_onnx_web(model: OnnxModel, codes: npt.NDArray[np.integer]) -> LitertRun:
    """Run windows (n, time, features), each from zero states. Raises TargetError, EmulationError if it does not run."""
    node, modules = find_onnx_web()
    x, *states = model.inputs
    y, *after = model.outputs
    job = {
        "x": _port(x),
        "states": [{**_port(port), "after": later.name} for port, later in zip(states, after, strict=True)],
        "y": y.name,
        "windows": [[chunk.ravel().tolist() for chunk in window.reshape(-1, *x.tensor.shape)] for window in codes],
    }
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        folder = Path(scratch)
        (folder / "model.onnx").write_bytes(model.data)
        (folder / "job.json").write_text(json.dumps(job))
        command = [node, str(_WORKER), str(folder), str(modules)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EmulationError(f"onnxruntime-web: node did not run ({error})") from error
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if "Error" in line] or done.stderr.splitlines()[-1:]
            raise EmulationError(f"onnxruntime-web refused the model: {' '.join(lines)[-500:] or 'no message'}")
        found = json.loads((folder / "result.json").read_text())
    outputs = np.array(found["outputs"], np.int64).reshape(len(codes), -1, y.tensor.shape[-1])
    return LitertRun(outputs, np.array(found["states"], np.int64))


def _port(port: Port) -> dict[str, Any]:
    return {"name": port.name, "dtype": port.tensor.dtype, "shape": list(port.tensor.shape)}


def compare_onnx_web(graph: QuantGraph, codes: npt.NDArray[np.integer], oracle: OracleRun) -> list[Comparison]:
    """The form that streams, or the window, against the oracle's run, states included."""
    form: Any = "step" if graph.window_reason is None else "window"
    model = export_onnx(graph, form)
    assert model.steps is not None  # of integers
    got = run_onnx_web(model, codes)
    pairs: list[tuple[Any, Any]] = [(got.outputs, oracle.outputs[:, -got.outputs.shape[1] :])]
    if model.states:
        pairs.append((got.states, states_of_calls(graph, model.steps, oracle)))
    return [compare(f"onnxruntime-web-{form}", *zip(*pairs, strict=True))]
