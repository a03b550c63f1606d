"""The models that costs are measured on: A, B, C of each cell, or stand-ins of any size.

Costs do not depend on what a model has learned, so that seeded weights serve where the trained
models are absent, and for sizes that nobody trained.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from benchmarks.paths import shared
from edgeseq.frontend import load_model
from edgeseq.graph import Dense, Graph, Gru, Lstm
from edgeseq.quantize import QuantGraph, quantize
from edgeseq.quantize.types import Matvec, QuantPair, Scheme
from edgeseq.simulate.oracle import quantize_input

CellName = Literal["gru", "lstm"]
CELLS: tuple[CellName, ...] = ("gru", "lstm")
STREAM_STEPS = 500


@dataclass(frozen=True, slots=True)
class Size:
    """Inputs, units of the one recurrent layer, outputs of the Dense head."""

    inputs: int
    units: int
    outputs: int


SIZES = {"A": Size(16, 32, 10), "B": Size(9, 16, 6), "C": Size(40, 64, 12)}


@dataclass(frozen=True, slots=True, eq=False)
class BenchModel:
    """A quantised model and a stream of input codes (steps, features). trained: not a stand-in."""

    graph: QuantGraph
    stream: npt.NDArray[np.integer]
    trained: bool


@functools.cache
def bench_model(size: str, cell: CellName, scheme: Scheme = "int8") -> BenchModel:
    """Model A, B or C: trained where the models folder is (benchmarks/paths.py), else its stand-in."""
    folder = shared("models")
    if folder is None:
        return stand_in(cell, SIZES[size], scheme)
    name = f"{size}_{cell}"
    data = np.load(folder / f"{name}.npz", allow_pickle=False)
    graph = quantize(load_model(folder / f"{name}.keras"), data["calibration"], scheme)
    return BenchModel(graph, quantize_input(graph.input, data["stream"]), trained=True)


def stand_in(cell: CellName, size: Size, scheme: Scheme = "int8") -> BenchModel:
    """A model of that size with seeded weights, int8 input codes and a seeded stream.

    Weights are as small as trained ones, whose gate rows cannot leave int16 either.
    """
    rng = np.random.default_rng(0)
    gates = 3 if cell == "gru" else 4

    def matrix(rows: int, columns: int) -> npt.NDArray[np.float64]:
        return rng.normal(0.0, 0.35 / np.sqrt(rows), (rows, columns))

    kernel, recurrent = matrix(size.inputs, gates * size.units), matrix(size.units, gates * size.units)
    bias = rng.normal(0.0, 0.2, (2, gates * size.units))
    layer = Gru("cell", kernel, recurrent, bias, reset_after=True) if cell == "gru" else Lstm("cell", kernel, recurrent, bias[0])
    head = Dense("head", matrix(size.units, size.outputs), rng.normal(0.0, 0.2, size.outputs), "linear")
    graph = Graph(f"{cell}_{size.units}", size.inputs, None, (layer, head), returns_sequence=True, time_steps=None)
    quantized = quantize(graph, rng.normal(0.0, 1.0, (8, 40, size.inputs)), scheme, input_dtype="int8")
    stream = quantize_input(quantized.input, rng.normal(0.0, 1.0, (STREAM_STEPS, size.inputs)))
    return BenchModel(quantized, stream, trained=False)


def zero_blocks(graph: QuantGraph, share: float, block: tuple[int, int], seed: int = 0) -> QuantGraph:
    """The graph with that share of blocks of each recurrent layer's matrices zero, at seeded places.

    block: units of one gate by columns, as `Pruning` has them. What a pruned model costs does not depend on which they are.
    """
    rng = np.random.default_rng(seed)

    def pruned(matrix: Matvec, units: int) -> Matvec:
        gates, across = matrix.rows // units, -(-matrix.columns // block[1])
        keep = np.ones(gates * -(-units // block[0]) * across, np.bool_)
        keep[rng.permutation(keep.size)[: round(share * keep.size)]] = False
        wide = keep.reshape(gates, -1, across).repeat(block[0], axis=1)[:, :units].repeat(block[1], axis=2)
        return replace(matrix, weight=matrix.weight * wide[..., : matrix.columns].reshape(matrix.weight.shape))

    layers = [
        replace(layer, input=pruned(layer.input, layer.units), recurrent=pruned(layer.recurrent, layer.units))
        if isinstance(layer, QuantPair)
        else layer
        for layer in graph.layers
    ]
    return replace(graph, layers=tuple(layers))


def parameters(cell: CellName, size: Size) -> int:
    """Trainable parameters, as Keras counts them."""
    units, inputs = size.units, size.inputs
    recurrent = 3 * units * (inputs + units + 2) if cell == "gru" else 4 * units * (inputs + units + 1)
    return recurrent + (units + 1) * size.outputs


def gru_like_lstm(size: Size) -> Size:
    """The GRU whose parameters come nearest to those of an LSTM of that size."""
    wanted = parameters("lstm", size)
    candidates = [Size(size.inputs, units, size.outputs) for units in range(size.units, 2 * size.units)]
    return min(candidates, key=lambda candidate: abs(parameters("gru", candidate) - wanted))
