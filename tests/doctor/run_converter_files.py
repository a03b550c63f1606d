"""Runs tests/doctor/files on real runtimes and stores what each said, in tests/doctor/outcomes.json.

    python -m tests.doctor.run_converter_files RUNTIME=PYTHON ...

RUNTIME: litert, tflite-runtime or tflm; PYTHON: an interpreter that has ai-edge-litert, tflite-runtime (and numpy < 2), or
tflite-micro. Each file runs in a process of its own: three calls with the same seeded inputs, of which the first values
of every output are kept, so that a state which is carried or wiped shows (NaN as null).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OUTCOMES = HERE / "outcomes.json"

# What runs inside the other interpreter: it has numpy and its runtime, nothing of this project.
PROGRAM = r"""
import json, sys
import numpy as np
kind, path = sys.argv[1:]
data = open(path, "rb").read()
rng = np.random.default_rng(0)
def draw(shape, dtype):
    real = rng.normal(0, 1, tuple(shape))
    return real.astype(dtype) if np.dtype(dtype).kind == "f" else (60 * real).clip(-120, 120).astype(dtype)
calls = []
if kind == "tflm":
    from importlib.metadata import version
    release = "tflite-micro " + version("tflite-micro")
    from tflite_micro.python.tflite_micro import runtime
    model = runtime.Interpreter.from_bytes(data, arena_size=4_000_000)
    inputs, outputs = [], []
    for found, details in ((inputs, model.get_input_details), (outputs, model.get_output_details)):
        while True:
            try:
                found.append(details(len(found)))
            except IndexError:
                break
    values = [draw(one["shape"], one["dtype"]) for one in inputs]
    for _ in range(3):
        for index, value in enumerate(values):  # a call may overwrite its inputs
            model.set_input(value, index)
        model.invoke()
        calls.append([np.ravel(model.get_output(index))[:4].tolist() for index in range(len(outputs))])
else:
    if kind == "litert":
        from importlib.metadata import version
        release = "ai-edge-litert " + version("ai-edge-litert")
        from ai_edge_litert.interpreter import Interpreter
    else:
        import tflite_runtime
        release = "tflite-runtime " + tflite_runtime.__version__
        from tflite_runtime.interpreter import Interpreter
    model = Interpreter(model_content=data)
    model.allocate_tensors()
    for one in model.get_input_details():
        model.set_tensor(one["index"], draw(one["shape"], one["dtype"]))
    for _ in range(3):
        model.invoke()
        calls.append([np.ravel(model.get_tensor(one["index"]))[:4].tolist() for one in model.get_output_details()])
calls = [[[None if value != value else value for value in output] for output in call] for call in calls]
print("OUTCOME" + json.dumps({"release": release, "calls": calls}))
"""


def run(kind: str, python: str, path: Path) -> dict[str, Any]:
    """What one runtime says of one file."""
    done = subprocess.run([python, "-c", PROGRAM, kind, str(path)], capture_output=True, text=True, timeout=300, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("OUTCOME"):
            return {"runs": True, **json.loads(line.removeprefix("OUTCOME"))}
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    skipped = ("Traceback", "File ", "INFO", "^", "model", "return", "self.", "~")
    told = [line for line in said if not line.startswith(skipped)]
    return {"runs": False, "exit": done.returncode, "said": " | ".join(told)[-400:]}


def main() -> None:
    """Run all files on the runtimes given; what other runtimes said stays."""
    stored = json.loads(OUTCOMES.read_text()) if OUTCOMES.exists() else {}
    for word in sys.argv[1:]:
        kind, _, python = word.partition("=")
        for path in sorted((HERE / "files").glob("*.tflite")):
            stored.setdefault(path.stem, {})[kind] = outcome = run(kind, python, path)
            sys.stdout.write(f"{path.stem} {kind} {outcome.get('said', outcome.get('calls'))}\n")
    present = {path.stem for path in (HERE / "files").glob("*.tflite")}
    kept = {name: stored[name] for name in sorted(stored) if name in present}
    OUTCOMES.write_text(json.dumps(kept, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
