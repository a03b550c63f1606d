"""Times one model file on one runtime, as a process of its own: PYTHON worker.py JOB.

Run by its path, in whatever Python has the runtime: beyond the standard library it needs numpy and the runtime alone.
JOB is the path of a JSON file (see `session.Job`). The process writes a line of JSON once the model is ready and one for
each line it reads, which holds a number of calls, or 0 to find how many take long enough; it ends with its input.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.metadata
import json
import os
import sys
import time
from typing import Any

# Frames that the calls go through in turn; an even number, so that two buffers of states end as they began.
FRAMES = 64
# Long against the clock, short against a scheduler's time slice.
MIN_RUN_NS = 1_000_000
# An interpreter copies its tensors: `call` is what a program does for each, `invoke` the runtime's own part of it.
CALL, INVOKE = "call", "invoke"


def noise(shape: tuple[int, ...], dtype: Any, bounds: list[int] | None) -> Any:
    """Seeded FRAMES x shape: integers within bounds, all of a narrow type's without, zeros of a wide one; or normal floats."""
    import numpy as np

    kind, rng = np.dtype(dtype), np.random.default_rng(0)
    if kind.kind == "f":
        return rng.normal(size=(FRAMES, *shape)).astype(kind)
    if bounds is None:
        # Wide ones are indices more often than not.
        bounds = [np.iinfo(kind).min, np.iinfo(kind).max] if kind.kind in "iu" and kind.itemsize <= 2 else [0, 0]
    return rng.integers(bounds[0], bounds[1] + 1, (FRAMES, *shape)).astype(kind)


def pair_states(before: list[tuple[str, Any, Any]], after: list[tuple[str, Any, Any]]) -> list[tuple[int, int]]:
    """Which output (name, shape, dtype) goes back into which input: NAME:new into NAME, else the first of its shape and type.

    One input at least stays fresh.
    """
    named = {name[: -len(":new")]: index for index, (name, _, _) in enumerate(after) if name.endswith(":new")}
    pairs = [(index, named[name]) for index, (name, _, _) in enumerate(before) if name in named]
    if pairs:
        return pairs
    free = dict(enumerate(after))
    for index, (_, *kind) in enumerate(before):
        match = next((other for other, (_, *found) in free.items() if found == kind), None)
        if match is not None:
            del free[match]
            pairs.append((index, match))
    return pairs if len(pairs) < len(before) else []


class LiteRt:
    """A .tflite in an interpreter with TensorFlow Lite's interface."""

    modes = (CALL, INVOKE)

    def __init__(self, job: dict[str, Any], module: Any) -> None:
        self._interpreter = module.Interpreter(model_path=job["file"], num_threads=job["threads"])
        self._interpreter.allocate_tensors()
        before, after = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        edges = [[(d["name"], tuple(d["shape"].tolist()), d["dtype"]) for d in details] for details in (before, after)]
        pairs = pair_states(edges[0], edges[1])
        # Outputs are kept by their number: states go on from call to call, y is what a program wants of it.
        self._back = [(before[here]["index"], after[there]["index"]) for here, there in pairs]
        self._read = [detail["index"] for detail in after if detail["index"] not in [out for _, out in self._back]]
        fresh = [index for index in range(len(before)) if index not in [here for here, _ in pairs]]
        self._fresh = [(before[i]["index"], noise(edges[0][i][1], edges[0][i][2], job["bounds"])) for i in fresh]
        self._states = [self._interpreter.get_tensor(here) * 0 for here, _ in self._back]
        self.shapes = [edges[0][index][1] for index in fresh]
        self.states = len(pairs)

    def run(self, mode: str, calls: int) -> None:
        """So many calls."""
        interpreter, states = self._interpreter, self._states
        if mode == INVOKE:
            for _ in range(calls):
                interpreter.invoke()
            return
        for number in range(calls):
            for index, frames in self._fresh:
                interpreter.set_tensor(index, frames[number % FRAMES])
            for (index, _), state in zip(self._back, states, strict=True):
                interpreter.set_tensor(index, state)
            interpreter.invoke()
            for index in self._read:
                interpreter.get_tensor(index)
            states[:] = [interpreter.get_tensor(index) for _, index in self._back]


class OnnxRuntime:
    """A .onnx in a session whose buffers are bound beforehand; two sets of states are read and written in turn."""

    modes = (CALL,)

    def __init__(self, job: dict[str, Any], module: Any) -> None:
        import numpy as np

        options = module.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = job["threads"], 1
        options.log_severity_level = 3
        self._session = module.InferenceSession(job["file"], options, providers=["CPUExecutionProvider"])
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        frames: list[Any] = []
        for port in inputs:
            shape = tuple(size if isinstance(size, int) else job["sizes"].get(size, 1) for size in port.shape)
            bounds = job["bounds"] if not frames else [0, 0]
            frames.append(noise(shape, _numpy_type(port.type), bounds))
        # What an open size becomes is known after a run.
        found = self._session.run(None, {port.name: value[0] for port, value in zip(inputs, frames, strict=True)})
        edges = [
            [(port.name, value.shape[skip:], value.dtype) for port, value in zip(ports, values, strict=True)]
            for ports, values, skip in ((inputs, frames, 1), (outputs, found, 0))
        ]
        pairs = pair_states(edges[0], edges[1])
        self._kept = [np.zeros((2, *edges[0][here][1]), edges[0][here][2]) for here, _ in pairs]
        self._outputs = [np.empty_like(value) for value in found]
        self._frames = frames
        fed = {here: state for (here, _), state in zip(pairs, self._kept, strict=True)}
        left = {there: state for (_, there), state in zip(pairs, self._kept, strict=True)}
        self._bindings = []
        for number in range(FRAMES):
            binding = self._session.io_binding()
            for index, port in enumerate(inputs):
                value = fed[index][number % 2] if index in fed else frames[index][number]
                binding.bind_input(port.name, "cpu", 0, value.dtype, value.shape, value.ctypes.data)
            for index, port in enumerate(outputs):
                value = left[index][1 - number % 2] if index in left else self._outputs[index]
                binding.bind_output(port.name, "cpu", 0, value.dtype, value.shape, value.ctypes.data)
            self._bindings.append(binding)
        self.shapes = [shape for index, (_, shape, _) in enumerate(edges[0]) if index not in fed]
        self.states = len(pairs)

    def run(self, mode: str, calls: int) -> None:
        """So many calls."""
        run, bindings = self._session.run_with_iobinding, self._bindings
        for number in range(calls):
            run(bindings[number % FRAMES])


class C:
    """A library that `session.build_timed_library` made; the calls are a loop of C."""

    modes = (CALL,)

    def __init__(self, job: dict[str, Any], module: Any) -> None:
        import numpy as np

        shape = (job["steps"], job["features"])
        self._library = ctypes.CDLL(job["file"])
        self._frames = noise(shape, job["dtype"], job["bounds"])
        self._y = np.empty(job["outputs"], np.int16)
        self._library.edgeseq_prepare()
        self.shapes, self.states = [(1, *shape)], 0

    def run(self, mode: str, calls: int) -> None:
        """So many calls."""
        frames, y = (ctypes.c_void_p(array.ctypes.data) for array in (self._frames, self._y))
        if self._library.edgeseq_call(frames, ctypes.c_size_t(FRAMES), ctypes.c_size_t(calls), y) != 0:
            raise RuntimeError("the model's function returned an error")


# Runtime -> (module to import, distributions that may have brought it, what runs a model).
ADAPTERS: dict[str, tuple[str, tuple[str, ...], Any]] = {
    "litert": ("ai_edge_litert.interpreter", ("ai-edge-litert", "ai-edge-litert-nightly"), LiteRt),
    "tflite-runtime": ("tflite_runtime.interpreter", ("tflite-runtime", "tflite-runtime-nightly"), LiteRt),
    "onnxruntime": ("onnxruntime", ("onnxruntime", "onnxruntime-gpu"), OnnxRuntime),
    "c": ("ctypes", (), C),
}


def _numpy_type(name: str) -> str:
    """tensor(float) -> float32, tensor(int8) -> int8."""
    return {"float": "float32", "double": "float64"}.get(name[7:-1], name[7:-1])


def timed(model: Any, mode: str, calls: int) -> int:
    """Nanoseconds that so many calls take."""
    start = time.perf_counter_ns()
    model.run(mode, calls)
    return time.perf_counter_ns() - start


def calls_of_a_run(model: Any, mode: str) -> int:
    """How many calls take long enough to be timed; finding it warms the caches and the clock speed as well."""
    calls = 1
    while timed(model, mode, calls) < MIN_RUN_NS:
        calls *= 2
    return calls


def serve(job: dict[str, Any], answers: Any) -> None:
    """Answer until the input ends."""
    name, distributions, adapter = ADAPTERS[job["runtime"]]
    start = time.perf_counter()
    module = importlib.import_module(name)
    imported = time.perf_counter()
    ready: dict[str, Any] = {"import_ms": 1e3 * (imported - start), "version": _version(distributions)}
    if not job["file"]:
        answers.write(json.dumps(ready) + "\n")
        return
    import numpy as np  # noqa: F401 - loading a model should not be charged with it

    start = time.perf_counter()
    model = adapter(job, module)
    ready |= {"load_ms": 1e3 * (time.perf_counter() - start), "shapes": model.shapes, "states": model.states}
    calls = {mode: calls_of_a_run(model, mode) for mode in model.modes}
    answers.write(json.dumps(ready) + "\n")
    answers.flush()
    for _ in sys.stdin:
        found = {}
        for mode in model.modes:
            # Warms what the others have cooled.
            model.run(mode, max(1, calls[mode] // 4))
            found[mode] = timed(model, mode, calls[mode]) / calls[mode]
        answers.write(json.dumps(found) + "\n")
        answers.flush()


def _version(distributions: tuple[str, ...]) -> str | None:
    for name in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return None


def main(path: str) -> None:
    """Take stdout away from runtimes that print, then serve."""
    # The folder of a script comes first among those of modules; ours has names that others may have too.
    del sys.path[0]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - nothing but the runtime should have been imported
        job = json.load(file)
    serve(job, answers)


if __name__ == "__main__":
    main(sys.argv[1])
