"""Random networks of every cell, quantised: what the predictor of costs is fitted to and checked on."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from edgeseq.choose.configuration import RECURRENT_CELLS, REFERENCES, Configuration, InputDtype, TaskShape
from edgeseq.graph import Dense, FastGrnn, Graph, Gru, Lstm, Mgu, MinGru, SimpleRnn
from edgeseq.graph.layers import Layer
from edgeseq.quantize import QuantGraph, quantize
from edgeseq.quantize.types import SCHEMES, Scheme

Rng = np.random.Generator
LARGEST_UNITS, LARGEST_FEATURES, LARGEST_OUTPUTS = 128, 64, 20
# Windows of networks without recurrence, and their units: emulated windows take long.
WINDOWS, LARGEST_REFERENCE = (8, 64), 48
_REFERENCE_SHARE, _SMALL = 0.15, 40
_CALIBRATION = (8, 40)


def random_case(rng: Rng, largest_macs: float) -> tuple[Configuration, TaskShape]:
    """A network of up to 3 layers with at most so many multiply-accumulates of its recurrent layers a step."""
    while True:
        scheme = cast("Scheme", rng.choice(SCHEMES))
        dtype = cast("InputDtype", rng.choice(["int8", "int16"]))
        features, outputs = _log_uniform(rng, LARGEST_FEATURES), int(rng.integers(1, LARGEST_OUTPUTS + 1))
        steps = int(rng.integers(WINDOWS[0], WINDOWS[1] + 1))
        if rng.uniform() < _REFERENCE_SHARE:
            layers = ((str(rng.choice(REFERENCES)), _log_uniform(rng, LARGEST_REFERENCE)),)
        else:
            count = int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2]))
            mixed = rng.uniform() < 0.4
            kinds = rng.choice(RECURRENT_CELLS, count) if mixed else [rng.choice(RECURRENT_CELLS)] * count
            layers = tuple((str(kind), _log_uniform(rng, LARGEST_UNITS)) for kind in kinds)
        if _macs(layers, features) <= largest_macs:
            return Configuration(layers, scheme, dtype), TaskShape(features, outputs, steps)


def small_case(rng: Rng, number: int, cells: Sequence[str] = RECURRENT_CELLS) -> tuple[Configuration, TaskShape]:
    """One or two layers of one cell; by its number, so that few cases hold all cells, schemes and types of input."""
    kinds = list(itertools.product(cells, SCHEMES, ("int8", "int16")))
    # A step without common factors with their number mixes them.
    cell, scheme, dtype = kinds[number * 29 % len(kinds)]
    layers = tuple((cell, _log_uniform(rng, _SMALL)) for _ in range(1 + int(rng.uniform() < 0.4)))
    shape = TaskShape(_log_uniform(rng, _SMALL), int(rng.integers(1, LARGEST_OUTPUTS + 1)), WINDOWS[0])
    return Configuration(layers, scheme, dtype), shape


def reference_case(rng: Rng, number: int) -> tuple[Configuration, TaskShape]:
    """A small network without recurrence, by its number as `small_case`."""
    kinds = list(itertools.product(REFERENCES, SCHEMES, ("int8", "int16")))
    name, scheme, dtype = kinds[number * 7 % len(kinds)]
    units = int(rng.integers(2, LARGEST_REFERENCE // 2 + 1))
    features = units if rng.uniform() < 0.15 else _log_uniform(rng, _SMALL)
    shape = TaskShape(features, int(rng.integers(1, LARGEST_OUTPUTS + 1)), int(rng.integers(WINDOWS[0], 25)))
    return Configuration(((name, units),), scheme, dtype), shape


def _log_uniform(rng: Rng, largest: int) -> int:
    return min(largest, int(np.exp(rng.uniform(0, np.log(largest + 1)))))


def _macs(layers: tuple[tuple[str, int], ...], size: int) -> float:
    gates = {"rnn": 1, "gru": 3, "lstm": 4, "fastgrnn": 1, "mgu": 2, "mingru": 2, "tcn": 40, "transformer": 14}
    total = 0
    for kind, units in layers:
        total += gates[kind] * units * (units + size)
        size = units
    return total


def quantized_case(configuration: Configuration, shape: TaskShape, seed: int = 0) -> QuantGraph:
    """The network with seeded random weights, calibrated on seeded noise."""
    graph = reference_graph(configuration, shape) if configuration.reference else recurrent_graph(configuration, shape, seed)
    windows = _CALIBRATION if graph.time_steps is None else (4, graph.time_steps)
    noise = np.random.default_rng(seed + 1).normal(0, 1, (*windows, shape.features))
    return quantize(graph, noise, configuration.scheme, input_dtype=configuration.input_dtype)


def recurrent_graph(configuration: Configuration, shape: TaskShape, seed: int) -> Graph:
    """Recurrent layers and a head, as `edgeseq train` builds them; the Normalization in front becomes the input's scale."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    size = shape.features
    for index, (kind, units) in enumerate(configuration.layers):
        layers.append(_MAKERS[kind](f"{kind}_{index + 1}", size, units, rng))
        size = units
    kernel, bias = rng.normal(0, 1 / np.sqrt(size), (size, shape.outputs)), rng.normal(0, 0.2, shape.outputs)
    layers.append(Dense("head", kernel, bias, "linear"))
    return Graph("case", shape.features, None, tuple(layers), returns_sequence=True, time_steps=None)


def reference_graph(configuration: Configuration, shape: TaskShape) -> Graph:
    """A network without recurrence, built by Keras with its own random weights."""
    import keras

    from edgeseq.data.types import DataSet, Part
    from edgeseq.frontend import load_model
    from edgeseq.train import Recipe
    from edgeseq.train.references import build_tcn, build_transformer

    ((name, units),) = configuration.layers
    x = np.random.default_rng(0).normal(0, 1, (4, configuration.steps(shape), shape.features)).astype(np.float32)
    y = np.arange(len(x)) % max(1, shape.outputs)
    names = tuple(map(str, range(shape.outputs)))
    data = DataSet("case", Part(x, y), Part(x, y), class_names=names)
    build = {"tcn": build_tcn, "transformer": build_transformer}[name]
    return load_model(build(keras, data, Recipe(units=units)))


def _matrix(rng: Rng, rows: int, columns: int) -> npt.NDArray[np.float64]:
    return rng.normal(0, 1.2 / np.sqrt(rows), (rows, columns)) * rng.uniform(0.3, 1, columns)


def _gated(make: Callable[..., Any], gates: int) -> Callable[[str, int, int, Rng], Layer]:
    def made(name: str, inputs: int, units: int, rng: Rng) -> Layer:
        kernel, recurrent = _matrix(rng, inputs, gates * units), _matrix(rng, units, gates * units)
        return make(name, kernel, recurrent, rng.normal(0, 0.3, gates * units))

    return made


def _gru(name: str, inputs: int, units: int, rng: Rng) -> Layer:
    kernel, recurrent = _matrix(rng, inputs, 3 * units), _matrix(rng, units, 3 * units)
    return Gru(name, kernel, recurrent, rng.normal(0, 0.3, (2, 3 * units)), reset_after=True)


def _min_gru(name: str, inputs: int, units: int, rng: Rng) -> Layer:
    return MinGru(name, _matrix(rng, inputs, 2 * units), rng.normal(0, 0.3, 2 * units))


def _fast_grnn(name: str, inputs: int, units: int, rng: Rng) -> Layer:
    kernels, recurrent = (_matrix(rng, inputs, units),), (_matrix(rng, units, units),)
    return FastGrnn(name, kernels, recurrent, rng.normal(0, 0.5, (2, units)), np.array([0.7]), np.array([0.05]))


_MAKERS: dict[str, Callable[[str, int, int, Rng], Layer]] = {
    "rnn": _gated(SimpleRnn, 1),
    "gru": _gru,
    "lstm": _gated(Lstm, 4),
    "mgu": _gated(Mgu, 2),
    "mingru": _min_gru,
    "fastgrnn": _fast_grnn,
}
