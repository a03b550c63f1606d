"""Application processors: model C's GRU timed beside onnxruntime in one process, and instructions on every hosted target.

Usage: python -m benchmarks.host

Needs the models folder (see benchmarks/paths.py), onnx, onnxruntime and qemu-user; writes
benchmarks/results/host.json. Both run one stream, batch 1, on
one thread. The C code runs all steps in one call, so that Python's is not in the figure. onnxruntime runs the float
model, step by step: a sequence of length 1 whose state goes on, buffers bound beforehand. Its time over the whole
stream in one call, where a step needs no call at all, stands beside it.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.bench_models import CELLS, SIZES, bench_model
from benchmarks.paths import RESULTS, shared
from edgeseq.export.c import export_c
from edgeseq.firmware import build_host_library, find_toolchain
from edgeseq.frontend import load_model
from edgeseq.graph import Dense, Graph, Gru
from edgeseq.measure.host_runner import HostModel
from edgeseq.measure.process_runner import device_name
from edgeseq.measure.profile import profile
from edgeseq.quantize import quantize
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import quantize_input
from edgeseq.targets import hosted_names

MODEL = "C_gru"
REPETITIONS = 41
_OPSET, _IR_VERSION = 17, 8

Stream = npt.NDArray[np.float32]
# Runs the whole stream once.
Pass = Callable[[], None]


def onnx_model(graph: Graph) -> bytes:
    """A GRU and its linear head as float ONNX: x (time, 1, in), h (1, 1, units) -> y (time, 1, out), the new h."""
    gru, head = graph.layers
    if not (isinstance(gru, Gru) and gru.reset_after and isinstance(head, Dense) and head.activation == "linear"):
        raise ValueError(f"{graph.name}: expected a GRU with reset_after and a linear Dense")
    weights = {"W": gru.kernel.T[None], "R": gru.recurrent_kernel.T[None], "B": gru.bias.reshape(1, -1)}
    weights |= {"head": head.kernel, "head_bias": head.bias, "directions": np.array([1])}
    initializers = [
        numpy_helper.from_array(value.astype(np.int64 if name == "directions" else np.float32), name)
        for name, value in weights.items()
    ]
    nodes = [
        # Gates z, r, h in both; linear_before_reset is Keras' reset_after.
        helper.make_node("GRU", ["x", "W", "R", "B", "", "h"], ["all_h", "new_h"], hidden_size=gru.units, linear_before_reset=1),
        helper.make_node("Squeeze", ["all_h", "directions"], ["sequence"]),
        helper.make_node("MatMul", ["sequence", "head"], ["product"]),
        helper.make_node("Add", ["product", "head_bias"], ["y"]),
    ]

    def tensor(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    state = 1, 1, gru.units
    body = helper.make_graph(
        nodes,
        graph.name,
        [tensor("x", "time", 1, graph.input_size), tensor("h", *state)],
        [tensor("y", "time", 1, head.kernel.shape[1]), tensor("new_h", *state)],
        initializers,
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(model)
    return model.SerializeToString()


class OnnxStream:
    """A float model in onnxruntime with the buffers of every step bound."""

    def __init__(self, model: bytes, x: Stream, units: int, outputs: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.y = np.empty((len(x), outputs), np.float32)
        self._x = np.ascontiguousarray(x)
        # Two states, read and written in turn; an even number of steps ends in the first.
        self._h = np.zeros((2, units), np.float32)
        ends = [(t, t + 1) for t in range(len(x))]
        self._steps = [self._bind(start, end, start % 2) for start, end in ends]
        self._whole = self._bind(0, len(x), 0)

    def step_by_step(self) -> None:
        """All steps, one call each, from a zero state."""
        self._h[:] = 0
        for binding in self._steps:
            self._session.run_with_iobinding(binding)

    def in_one_call(self) -> None:
        """All steps in one call, from a zero state."""
        self._h[:] = 0
        self._session.run_with_iobinding(self._whole)

    def _bind(self, start: int, end: int, state: int) -> Any:
        binding = self._session.io_binding()
        for name, array in (("x", self._x[start:end]), ("h", self._h[state])):
            binding.bind_input(name, "cpu", 0, np.float32, self._shape(name, array), array.ctypes.data)
        for name, array in (("y", self.y[start:end]), ("new_h", self._h[1 - state])):
            binding.bind_output(name, "cpu", 0, np.float32, self._shape(name, array), array.ctypes.data)
        return binding

    @staticmethod
    def _shape(name: str, array: npt.NDArray[np.float32]) -> tuple[int, ...]:
        return (1, 1, *array.shape) if name.endswith("h") else (len(array), 1, array.shape[1])


def interleaved(passes: dict[str, Pass], steps: int) -> dict[str, dict[str, float]]:
    """Nanoseconds per step of each: median, smallest and largest of repetitions in turn."""
    taken: dict[str, list[float]] = {name: [] for name in passes}
    for _ in range(REPETITIONS):
        for name, run in passes.items():
            run()  # warms caches and branch predictors after the others
            start = time.perf_counter_ns()
            run()
            taken[name].append((time.perf_counter_ns() - start) / steps)
    return {name: {"ns": float(np.median(ns)), "smallest_ns": min(ns), "largest_ns": max(ns)} for name, ns in taken.items()}


def stream_in_c(model: HostModel, codes: npt.NDArray[np.integer]) -> None:
    """All steps in one call, from a zero state."""
    model.run_window(codes, len(codes))


def compare() -> dict[str, Any]:
    """Time both; each must first have computed the model."""
    folder = shared("models")
    if folder is None:
        raise FileNotFoundError("no benchmark models: set EDGESEQ_SHARED to the folder that holds models/")
    data = np.load(folder / f"{MODEL}.npz", allow_pickle=False)
    graph = load_model(folder / f"{MODEL}.keras")
    quantized = quantize(graph, data["calibration"])
    codes = quantize_input(quantized.input, data["stream"])
    onnx_stream = OnnxStream(onnx_model(graph), data["stream"], graph.recurrent[0].units, graph.output_size)
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        project = export_c(quantized, kernel_set="simd")
        model = HostModel(project, build_host_library(project, find_toolchain(None), Path(scratch), native=True))
        passes: dict[str, Pass] = {
            "edgeseq": lambda: stream_in_c(model, codes),
            "onnxruntime": onnx_stream.step_by_step,
            "onnxruntime_window": onnx_stream.in_one_call,
        }
        if not np.array_equal(model.run_window(codes, len(codes)), Oracle(quantized).run(codes[None]).outputs[0]):
            raise RuntimeError("the exported C differs from the oracle")
        for run in (onnx_stream.step_by_step, onnx_stream.in_one_call):
            run()
            error = float(np.abs(onnx_stream.y - data["output_float64"]).max())
            if error > 1e-4:
                raise RuntimeError(f"onnxruntime is off by {error:g}: not the same model")
        times = interleaved(passes, len(codes))
    return {
        "model": MODEL,
        "device": device_name(),
        "onnxruntime_version": onnxruntime.__version__,
        "repetitions": REPETITIONS,
        "steps": len(codes),
        **times,
        "ratio": times["onnxruntime"]["ns"] / times["edgeseq"]["ns"],
        "ratio_window": times["onnxruntime_window"]["ns"] / times["edgeseq"]["ns"],
    }


def instructions() -> list[dict[str, Any]]:
    """Exact instructions per step of all models on every hosted target that QEMU counts for."""
    rows = []
    for target in hosted_names():
        for size in SIZES:
            for cell in CELLS:
                model = bench_model(size, cell)
                cost = profile(model.graph, target, inputs=model.stream)
                if cost.instructions_per_step is not None:
                    row = {"target": target, "model": size, "cell": cell, "kernels": cost.kernel_set}
                    rows.append(row | {"instructions_per_step": cost.instructions_per_step})
    return rows


def main() -> None:
    """Time, count, write."""
    result = {"time": compare(), "instructions": instructions()}
    (RESULTS / "host.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
