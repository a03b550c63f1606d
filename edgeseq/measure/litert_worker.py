"""Runs a .tflite as a process of its own: PYTHON litert_worker.py FOLDER KERNELS RUNTIME.

FOLDER holds model.tflite, codes.npy and edges.json (how many inputs and outputs); outputs.npy and states.npy are written
beside them. A native runtime that meets a file it cannot bear may take its process down, which should not be the user's.
Run by its path, in whatever Python has the runtime: beyond the standard library it needs numpy and the runtime alone.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

if __name__ == "__main__":
    # The folder of a script comes first among those of modules; ours has names that the standard library has too.
    del sys.path[0]

import numpy as np
import numpy.typing as npt


class LitertRun(NamedTuple):
    """outputs: (n, time steps of output, out). states: int64 (n, calls, values), what the states hold after each call."""

    outputs: npt.NDArray[Any]
    states: npt.NDArray[np.int64]


class LitertModel:
    """A model file in an interpreter of this process. Kernels: one of `KERNELS`; runtime: one of `MODULES`."""

    def __init__(self, data: bytes, kernels: str = "default", runtime: str = "litert") -> None:
        module = importlib.import_module(MODULES[runtime])
        resolver = getattr(module.OpResolverType, _RESOLVERS[kernels])
        self._interpreter = module.Interpreter(model_content=data, experimental_op_resolver_type=resolver, num_threads=1)
        self._interpreter.allocate_tensors()
        (self._x, *self._before) = self._interpreter.get_input_details()
        (self._y, *self._after) = self._interpreter.get_output_details()
        signatures = self._interpreter.get_signature_list()
        self._resets = "reset" in signatures
        if "fused" in signatures:
            # Its states are tensors of the interpreter, the only ones with a name of two parts.
            self._after = [detail for detail in self._interpreter.get_tensor_details() if "/" in detail["name"]]
        shape = self._x["shape"]
        self.steps = int(shape[1]) if len(shape) == 3 else 1

    def run(self, codes: npt.NDArray[Any]) -> LitertRun:
        """Run windows (n, time, features), each from zero states; time: a multiple of the steps of one call."""
        runs = [self._window(window) for window in codes]
        return LitertRun(np.stack([run[0] for run in runs]), np.stack([run[1] for run in runs]))

    def _window(self, window: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        interpreter = self._interpreter
        if self._resets:
            # Not kept: an interpreter refuses to run while a signature's runner holds on to it.
            interpreter.get_signature_runner("reset")()
        interpreter.reset_all_variables()
        states = [np.zeros(detail["shape"], detail["dtype"]) for detail in self._before]
        outputs, kept = [], []
        for chunk in window.reshape(-1, *self._x["shape"]):
            interpreter.set_tensor(self._x["index"], chunk)
            # States that lie inside are read alone.
            for detail, state in zip(self._before, states, strict=False):
                interpreter.set_tensor(detail["index"], state)
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(self._y["index"]).reshape(-1, self._y["shape"][-1]))
            states = [interpreter.get_tensor(detail["index"]) for detail in self._after]
            kept.append(np.concatenate([np.empty(0, np.int64), *(state.ravel() for state in states)]))
        return np.concatenate(outputs), np.stack(kept)


class MicroModel:
    """A model file in the interpreter of TensorFlow Lite for Microcontrollers; edges: how many inputs and outputs."""

    def __init__(self, data: bytes, edges: tuple[int, int]) -> None:
        from tflite_micro.python.tflite_micro import runtime

        self._interpreter = runtime.Interpreter.from_bytes(data)
        self._before = [self._interpreter.get_input_details(index) for index in range(edges[0])]
        self._edges = edges

    def run(self, codes: npt.NDArray[Any]) -> LitertRun:
        """As `LitertModel.run`."""
        runs = [self._window(window) for window in codes]
        return LitertRun(np.stack([run[0] for run in runs]), np.stack([run[1] for run in runs]))

    def _window(self, window: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        interpreter = self._interpreter
        x, *before = self._before
        states = [np.zeros(detail["shape"], detail["dtype"]) for detail in before]
        outputs, kept = [], []
        for chunk in window.reshape(-1, *x["shape"]):
            for index, value in enumerate([chunk, *states]):
                interpreter.set_input(value, index)
            interpreter.invoke()
            y, *states = (interpreter.get_output(index).copy() for index in range(self._edges[1]))
            outputs.append(y.reshape(-1, y.shape[-1]))
            kept.append(np.concatenate([np.empty(0, np.int64), *(state.ravel() for state in states)]))
        return np.concatenate(outputs), np.stack(kept)


# By their names in OpResolverType. default: XNNPACK where it takes an operator, else the optimised built-in kernels.
_RESOLVERS = {"default": "AUTO", "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "reference": "BUILTIN_REF"}
KERNELS = tuple(_RESOLVERS)
MODULES = {"litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}


def main(folder: Path, kernels: str, runtime: str) -> None:
    """Run what lies in the folder."""
    data, codes = (folder / "model.tflite").read_bytes(), np.load(folder / "codes.npy")
    if runtime in MODULES:
        run = LitertModel(data, kernels, runtime).run(codes)
    else:
        run = MicroModel(data, tuple(json.loads((folder / "edges.json").read_text()))).run(codes)
    np.save(folder / "outputs.npy", run.outputs)
    np.save(folder / "states.npy", run.states)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
