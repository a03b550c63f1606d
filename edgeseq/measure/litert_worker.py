"""Runs a .tflite on LiteRT, as a process of its own: python -m edgeseq.measure.litert_worker FOLDER.

FOLDER holds model.tflite and codes.npy; outputs.npy and states.npy are written beside them. A native runtime that
meets a file it cannot bear may take its process down, which should not be the user's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class LitertRun(NamedTuple):
    """outputs: (n, time steps of output, out). states: int64 (n, calls, values), what the states hold after each call."""

    outputs: npt.NDArray[Any]
    states: npt.NDArray[np.int64]


class LitertModel:
    """A model file in an interpreter of this process. Kernels: one of `KERNELS`."""

    def __init__(self, data: bytes, kernels: str = "default") -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        # default: XNNPACK where it takes an operator, else the optimised built-in kernels.
        resolvers = {
            "default": OpResolverType.AUTO,
            "builtin": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            "reference": OpResolverType.BUILTIN_REF,
        }
        self._interpreter = Interpreter(model_content=data, experimental_op_resolver_type=resolvers[kernels], num_threads=1)
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


KERNELS = ("default", "builtin", "reference")


def main(folder: Path, kernels: str) -> None:
    """Run what lies in the folder."""
    run = LitertModel((folder / "model.tflite").read_bytes(), kernels).run(np.load(folder / "codes.npy"))
    np.save(folder / "outputs.npy", run.outputs)
    np.save(folder / "states.npy", run.states)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
