"""A GRU or LSTM step as TensorFlow's own tools write it: the peers of benchmarks/runtimes.py.

Usage: python -m benchmarks.converter FOLDER KIND...

FOLDER holds weights.npz (see `write_weights`); a KIND is one of KINDS. Writes FOLDER/KIND.tflite or .onnx for each. A
process of its own, as the converter may take its process down. The model is a Keras cell and a Dense layer with its
states as inputs and outputs, batch 1. Integers go in and out of the quantised ones, which is smallest and fastest.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.graph import Dense, Graph, Gru, Lstm
from edgeseq.graph.reference import forward

KINDS = ("float", "dynamic", "int8", "int16x8", "onnx")
SUFFIXES = {kind: ".onnx" if kind == "onnx" else ".tflite" for kind in KINDS}
# Steps that calibrate; more of them change no range of the models here.
CALIBRATION_STEPS = 2000


def write_weights(graph: Graph, calibration: npt.NDArray[np.floating], folder: Path) -> None:
    """Weights of a recurrent layer and its head, and steps (x and the states before it) of the float64 model."""
    cell, head = graph.layers
    if not (isinstance(cell, Gru | Lstm) and isinstance(head, Dense)) or graph.normalization is not None:
        raise ValueError(f"{graph.name}: expected a GRU or LSTM and a Dense layer")
    hidden = forward(graph, calibration, keep_hidden=[cell.name]).hidden[cell.name]
    steps = {"x": calibration, "h": _before(hidden)}
    if isinstance(cell, Lstm):
        steps["c"] = _before(cell_states(cell, calibration, hidden))
    chosen = np.random.default_rng(0).permutation(calibration.shape[0] * calibration.shape[1])[:CALIBRATION_STEPS]
    flat = {f"calibration_{name}": value.reshape(-1, value.shape[2])[chosen].astype(np.float32) for name, value in steps.items()}
    np.savez(
        folder / "weights.npz",
        kernel=cell.kernel,
        recurrent=cell.recurrent_kernel,
        bias=cell.bias,
        head=head.kernel,
        head_bias=head.bias,
        **flat,
    )


def cell_states(cell: Lstm, x: npt.NDArray[np.floating], hidden: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """C after each step (n, time, units) of windows from zero states, given h."""
    gates = x @ cell.kernel + _before(hidden) @ cell.recurrent_kernel + cell.bias
    i, f, g, _ = np.split(gates, 4, axis=2)
    keep, add = 1 / (1 + np.exp(-f)), np.tanh(g) / (1 + np.exp(-i))
    c = np.zeros_like(hidden)
    for t in range(c.shape[1]):
        c[:, t] = keep[:, t] * (c[:, t - 1] if t else 0) + add[:, t]
    return c


def _before(states: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.concatenate([np.zeros_like(states[:, :1]), states[:, :-1]], axis=1)


def step_model(weights: dict[str, npt.NDArray[Any]]) -> Any:
    """Keras model of x, h (and c) -> y, the new h (and c)."""
    import keras

    units, lstm = weights["recurrent"].shape[0], "calibration_c" in weights
    x = keras.Input((weights["kernel"].shape[0],), batch_size=1, name="x")
    states = [keras.Input((units,), batch_size=1, name=name) for name in ("h", "c")[: 1 + lstm]]
    cell = keras.layers.LSTMCell(units, name="cell") if lstm else keras.layers.GRUCell(units, name="cell")
    head = keras.layers.Dense(weights["head"].shape[1], name="head")
    out, after = cell(x, states)
    model = keras.Model([x, *states], [head(out), *(after if isinstance(after, list | tuple) else [after])])
    cell.set_weights([weights["kernel"], weights["recurrent"], weights["bias"]])
    head.set_weights([weights["head"], weights["head_bias"]])
    return model


def converted(model: Any, kind: str, weights: dict[str, npt.NDArray[Any]]) -> bytes:
    """The TFLite converter's file."""
    import tensorflow as tf

    names = [tensor.name for tensor in model.inputs]
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind in ("int8", "int16x8"):
        sets = {
            "int8": (tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.int8),
            "int16x8": (tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8, tf.int16),
        }
        converter.target_spec.supported_ops = [sets[kind][0]]
        converter.inference_input_type = converter.inference_output_type = sets[kind][1]

        def samples() -> Iterator[dict[str, Any]]:
            for at in range(len(weights["calibration_x"])):
                yield {name: weights[f"calibration_{name}"][at : at + 1] for name in names}

        converter.representative_dataset = samples
    return bytes(converter.convert())


def write(kind: str, folder: Path, weights: dict[str, npt.NDArray[Any]]) -> None:
    """Write one file."""
    model = step_model(weights)
    path = folder / f"{kind}{SUFFIXES[kind]}"
    if kind == "onnx":
        model([np.zeros(tensor.shape, np.float32) for tensor in model.inputs])  # it wants to have been called
        model.export(path, format="onnx")
    else:
        path.write_bytes(converted(model, kind, weights))


def main(folder: Path, kinds: list[str]) -> None:
    """Write the files, in this order."""
    with np.load(folder / "weights.npz") as stored:
        weights = dict(stored)
    for kind in kinds:
        write(kind, folder, weights)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
