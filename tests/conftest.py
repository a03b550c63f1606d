"""Shared fixtures: graphs of every cell with seeded weights, and where real data lies."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.paths import shared
from edgeseq.graph import Dense, Embedding, Graph, Gru, Lstm, SimpleRnn
from edgeseq.graph.layers import Layer
from edgeseq.quantize import QuantGraph, quantize
from tests.around import IDS, around, residual

# Cells, and blocks of rows of their matrices.
CELLS = {"gru": 3, "gru_before": 3, "lstm": 4, "rnn": 1}

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def models_folder() -> Path:
    folder = shared("models")
    if folder is None:
        pytest.skip("benchmark models A, B, C are absent: set EDGESEQ_SHARED to the folder that holds models/")
    return folder


@pytest.fixture(scope="session")
def data_folder() -> Path:
    folder = shared("data")
    if folder is None:
        pytest.skip("real data sets are absent: set EDGESEQ_SHARED to the folder that holds data/")
    return folder


def cell(kind: str, inputs: int, units: int, rng: np.random.Generator, name: str = "cell", *, gain: float = 1.0) -> Layer:
    """A recurrent layer with random weights, strong enough to reach saturation now and then."""
    gates = CELLS[kind]

    def matrix(rows: int) -> np.ndarray:
        return gain * rng.normal(0, 1.5 / np.sqrt(rows), (rows, gates * units)) * rng.uniform(0.1, 1, gates * units)

    kernel, recurrent, bias = matrix(inputs), matrix(units), rng.normal(0, 0.5, gates * units)
    if kind == "lstm":
        return Lstm(name, kernel, recurrent, bias)
    if kind == "rnn":
        return SimpleRnn(name, kernel, recurrent, bias)
    biases = np.stack([bias, rng.normal(0, 0.3, 3 * units) * (kind == "gru")])
    return Gru(name, kernel, recurrent, biases, reset_after=kind == "gru")


def make_graph(
    kinds: str, inputs: int, units: int, outputs: int, seed: int = 0, *, activation: str = "linear", gain: float = 1.0
) -> Graph:
    """A graph of one or more stacked cells or layers of tests.around, e.g. 'gru' or 'conv3+lstm', and a Dense head."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    size = inputs

    def make(kind: str, size: int, name: str) -> Layer:
        if kind in CELLS:
            return cell(kind, size, units, rng, name, gain=gain)
        return residual(kind, make, size, name) or around(kind, size, units, rng, name)

    for index, kind in enumerate(kinds.split("+")):
        layers.append(make(kind, size, f"{kind}_{index}"))
        size = layers[-1].output_size(size)
    head = Dense("head", rng.normal(0, 1 / np.sqrt(size), (size, outputs)), rng.normal(0, 0.2, outputs), activation)
    return Graph("case", inputs, None, (*layers, head), returns_sequence=True, time_steps=None)


def make_quantized(kinds: str, inputs: int, units: int, outputs: int, seed: int = 0, **options: object) -> QuantGraph:
    """The quantised graph, calibrated on seeded noise."""
    chosen = {key: options.pop(key) for key in ("scheme", "layer_schemes") if key in options}
    chosen["input_dtype"] = options.pop("input_dtype", "auto" if kinds.startswith("embedding") else "int8")
    graph = make_graph(kinds, inputs, units, outputs, seed, **options)
    return quantize(graph, noise(graph, (8, 40), seed + 1), **chosen)


def noise(graph: Graph, shape: tuple[int, int], seed: int) -> np.ndarray:
    """Windows (n, time, features) of standard normal noise, or of token ids where the model reads them."""
    rng = np.random.default_rng(seed)
    if isinstance(graph.layers[0], Embedding):
        return rng.integers(0, IDS, (*shape, 1)).astype(float)
    return rng.normal(0, 1, (*shape, graph.input_size))


def random_codes(graph: QuantGraph, steps: int, seed: int = 0) -> np.ndarray:
    """Noise over all input codes, (steps, features)."""
    low, high = graph.input.code_range
    return np.random.default_rng(seed).integers(low, high + 1, (steps, graph.input_size)).astype(graph.input.dtype)
