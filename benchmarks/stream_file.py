"""Runs a step model over a stream, in a process of its own: python -m benchmarks.stream_file FILE FOLDER.

FOLDER holds stream.npy (steps, features); hidden.npy and outputs.npy are written beside it, in real values. FILE is a
.tflite or .onnx, float or quantised, whose states are inputs and outputs: of edgeseq, TensorFlow's converter or Keras.
A state is rounded again between two calls where a file has another scale for what it gives than for what it takes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Stream = npt.NDArray[np.float64]


def run_tflite(path: Path, stream: Stream) -> tuple[Stream, Stream]:
    """Hidden states and outputs."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path), num_threads=1).get_signature_runner()
    before, after = runner.get_input_details(), runner.get_output_details()
    names = sorted((name for name in before if name != "x"), key=lambda name: "hc".index(name[-1]))
    # Keras numbers its outputs: y, h, c.
    back = {name: name if name in after else f"output_{number}" for number, name in enumerate(names, 1)}
    states = {name: np.zeros(before[name]["shape"]) for name in names}
    hidden, outputs = [], []
    for x in stream:
        codes = {name: _codes(value, before[name]) for name, value in {"x": x[None], **states}.items()}
        found = runner(**codes)
        real = {name: _real(value, after[name]) for name, value in found.items()}
        states = {name: real[back[name]] for name in names}
        hidden.append(states[names[0]][0])
        outputs.append(real["y" if "y" in real else "output_0"][0])
    return np.array(hidden), np.array(outputs)


def _codes(value: Stream, detail: dict[str, Any]) -> npt.NDArray[Any]:
    scale, zero_point = detail["quantization"]
    if scale == 0:
        return value.astype(detail["dtype"])
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.round(value / scale) + zero_point, limits.min, limits.max).astype(detail["dtype"])


def _real(value: npt.NDArray[Any], detail: dict[str, Any]) -> Stream:
    scale, zero_point = detail["quantization"]
    return value.astype(np.float64) if scale == 0 else (value.astype(np.float64) - zero_point) * scale


def run_onnx(path: Path, stream: Stream) -> tuple[Stream, Stream]:
    """Hidden states and outputs of a float model: x and states in, y and states out, in this order."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    shapes = {port.name: [size if isinstance(size, int) else 1 for size in port.shape] for port in session.get_inputs()}
    x, *states = shapes
    feeds = {name: np.zeros(shapes[name], np.float32) for name in states}
    hidden, outputs = [], []
    for frame in stream:
        y, *after = session.run(None, {x: frame.reshape(shapes[x]).astype(np.float32), **feeds})
        feeds = dict(zip(states, after, strict=True))
        hidden.append(after[0].ravel())
        outputs.append(y.ravel())
    return np.array(hidden, np.float64), np.array(outputs, np.float64)


def main(path: Path, folder: Path) -> None:
    """Run the file."""
    run = run_onnx if path.suffix == ".onnx" else run_tflite
    hidden, outputs = run(path, np.load(folder / "stream.npy").astype(np.float64))
    np.save(folder / "hidden.npy", hidden)
    np.save(folder / "outputs.npy", outputs)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
