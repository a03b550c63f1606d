"""Runs model files on one runtime, with nothing imported but numpy and it: python wheels_worker.py RUNTIME FOLDER.

FOLDER holds jobs.json, a list of [model file, file of input codes, file for the results, kernels]. Results are outputs and
states after every call, int64. It runs under the Python of another architecture, which has no edgeseq.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Results = "tuple[list[Any], list[Any]]"


def run_tflite(module: str, path: str, codes: Any, kernels: str) -> Results:
    """One stream through an interpreter; kernels: default, builtin or reference."""
    runtime = importlib.import_module(module)
    resolvers = {"default": "AUTO", "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "reference": "BUILTIN_REF"}
    resolver = getattr(runtime.OpResolverType, resolvers[kernels])
    interpreter = runtime.Interpreter(model_path=path, experimental_op_resolver_type=resolver, num_threads=1)
    interpreter.allocate_tensors()
    x, *before = interpreter.get_input_details()
    y, *after = interpreter.get_output_details()
    states = [np.zeros(detail["shape"], detail["dtype"]) for detail in before]
    outputs, kept = [], []
    for chunk in codes.reshape(-1, *x["shape"]):
        interpreter.set_tensor(x["index"], chunk)
        for detail, state in zip(before, states, strict=True):
            interpreter.set_tensor(detail["index"], state)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(y["index"]).ravel())
        states = [interpreter.get_tensor(detail["index"]) for detail in after]
        kept.append(np.concatenate([state.ravel() for state in states]))
    return outputs, kept


def run_onnx(module: str, path: str, codes: Any, level: str) -> Results:
    """The same with onnxruntime; level: of its graph optimisation."""
    runtime = importlib.import_module(module)
    options = runtime.SessionOptions()
    options.graph_optimization_level = getattr(runtime.GraphOptimizationLevel, level)
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x, *before = session.get_inputs()
    types = {"tensor(int8)": np.int8, "tensor(int16)": np.int16, "tensor(int32)": np.int32}
    feeds = {port.name: np.zeros(port.shape, types[port.type]) for port in before}
    outputs, kept = [], []
    for chunk in codes.reshape(-1, *x.shape):
        y, *after = session.run(None, {**feeds, x.name: chunk})
        outputs.append(y.ravel())
        feeds = {port.name: value for port, value in zip(before, after, strict=True)}
        kept.append(np.concatenate([value.ravel() for value in after]))
    return outputs, kept


RUNNERS: dict[str, tuple[Callable[..., Results], str]] = {
    "ai-edge-litert": (run_tflite, "ai_edge_litert.interpreter"),
    "tflite-runtime": (run_tflite, "tflite_runtime.interpreter"),
    "onnxruntime": (run_onnx, "onnxruntime"),
}


def main(runtime: str, folder: Path) -> None:
    """Run all jobs of the folder."""
    run, module = RUNNERS[runtime]
    for model, codes, results, kernels in json.loads((folder / "jobs.json").read_text()):
        outputs, states = run(module, str(folder / model), np.load(folder / codes), kernels)
        np.savez(folder / results, outputs=np.array(outputs, np.int64), states=np.array(states, np.int64))
    print(json.dumps({"numpy": np.__version__}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
