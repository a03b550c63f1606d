"""Shared fixtures: graphs of every cell with seeded weights, and where real data lies."""

from __future__ import annotations

import functools
import itertools
import os
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from benchmarks.bench_models import zero_blocks
from benchmarks.paths import shared
from edgeseq.graph import Activate, Dense, Embedding, FastGrnn, Graph, Gru, Lstm, Mgu, MinGru, Prelu, SimpleRnn
from edgeseq.graph.layers import ActivationName, Layer
from edgeseq.quantize import QuantGraph, quantize
from tests.around import IDS, around, residual

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


GATES = {"gru": 3, "gru_before": 3, "lstm": 4, "rnn": 1, "mgu": 2, "mingru": 2, "fastgrnn": 1, "fastgrnn_low": 1}


def cell(kind: str, inputs: int, units: int, rng: np.random.Generator, name: str = "cell", *, gain: float = 1.0) -> Layer:
    """A recurrent layer with random weights, strong enough to reach saturation now and then.

    kind: one of GATES, with the cell's functions behind colons, e.g. 'gru:relu:hard_sigmoid' for activation and
    recurrent_activation.
    """
    kind, *functions = kind.split(":")
    gates = GATES[kind]
    unbounded = {"relu", "linear"} & set(functions)
    chosen = dict(zip(("activation", "recurrent_activation"), functions, strict=False))

    def matrix(rows: int, columns: int = gates * units) -> np.ndarray:
        # What nothing bounds must not grow by itself.
        strength = 0.5 if unbounded else 1.5
        return gain * rng.normal(0, strength / np.sqrt(rows), (rows, columns)) * rng.uniform(0.1, 1, columns)

    if kind.startswith("fastgrnn"):
        ranks = (max(1, inputs // 2), max(1, units // 2)) if kind == "fastgrnn_low" else (None, None)
        kernels, recurrent = (
            (matrix(rows, units),) if rank is None else (matrix(rows, rank), matrix(rank, units))
            for rank, rows in zip(ranks, (inputs, units), strict=True)
        )
        return FastGrnn(name, kernels, recurrent, rng.normal(0, 0.5, (2, units)), np.array([0.7]), np.array([0.05]))
    kernel, recurrent, bias = matrix(inputs), matrix(units), rng.normal(0, 0.5, gates * units)
    bias = 0.2 * bias if unbounded else bias
    if kind == "mingru":
        return MinGru(name, kernel, bias)
    if kind in ("lstm", "rnn", "mgu"):
        return {"lstm": Lstm, "rnn": SimpleRnn, "mgu": Mgu}[kind](name, kernel, recurrent, bias, **chosen)
    biases = np.stack([bias, rng.normal(0, 0.3, 3 * units) * (kind == "gru")])
    return Gru(name, kernel, recurrent, biases, reset_after=kind == "gru", **chosen)


def make_graph(
    kinds: str,
    inputs: int,
    units: int | tuple[int, ...],
    outputs: int,
    seed: int = 0,
    *,
    activation: str = "linear",
    gain: float = 1.0,
) -> Graph:
    """A graph of one or more stacked cells or layers of tests.around, e.g. 'gru' or 'conv3+lstm', and a Dense head.

    units: of all layers, or of each.
    activation: of the head, or of a layer behind it, with its parameters behind colons.
    """
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    size = inputs
    widths = itertools.cycle((units,) if isinstance(units, int) else units)

    def make(width: int, kind: str, size: int, name: str) -> Layer:
        if kind.split(":", maxsplit=1)[0] in GATES:
            return cell(kind, size, width, rng, name, gain=gain)
        return residual(kind, functools.partial(make, width), size, name) or around(kind, size, width, rng, name)

    for (index, kind), width in zip(enumerate(kinds.split("+")), widths, strict=False):
        layers.append(make(width, kind, size, f"{kind.split(':')[0]}_{index}"))
        size = layers[-1].output_size(size)
    kernel, bias = rng.normal(0, 1 / np.sqrt(size), (size, outputs)), rng.normal(0, 0.2, outputs)
    function, *parameters = activation.split(":")
    fused = function in get_args(ActivationName)
    layers.append(Dense("head", kernel, bias, function if fused else "linear"))
    if function == "prelu":
        layers.append(Prelu("last", rng.uniform(-1, 1, outputs)))
    elif not fused:
        layers.append(Activate("last", function, tuple(map(float, parameters))))
    return Graph("case", inputs, None, tuple(layers), returns_sequence=True, time_steps=None)


_QUANTIZED: dict[str, QuantGraph] = {}


def make_quantized(
    kinds: str, inputs: int, units: int | tuple[int, ...], outputs: int, seed: int = 0, **options: object
) -> QuantGraph:
    """The quantised graph, calibrated on seeded noise. pruned: share of zero blocks in its matrices, and their shape.

    Made once per process: thousands of tests run a few hundred models, and no test writes into one.
    """
    key = repr((kinds, inputs, units, outputs, seed, sorted(options.items())))
    if key not in _QUANTIZED:
        _QUANTIZED[key] = _quantized(kinds, inputs, units, outputs, seed, **options)
    return _QUANTIZED[key]


def _quantized(kinds: str, inputs: int, units: int | tuple[int, ...], outputs: int, seed: int, **options: object) -> QuantGraph:
    share, block = options.pop("pruned", (0.0, (1, 1)))
    chosen = {key: options.pop(key) for key in ("scheme", "layer_schemes") if key in options}
    chosen["input_dtype"] = options.pop("input_dtype", "auto" if kinds.startswith("embedding") else "int8")
    graph = make_graph(kinds, inputs, units, outputs, seed, **options)
    return zero_blocks(quantize(graph, noise(graph, (8, 40), seed + 1), **chosen), share, block, seed)


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
