"""The cost of a network that the predictor has no formula for: it is built with random weights, compiled and run.

Sizes and instructions hardly depend on weights (never the order of the network's size), so this is exact where it matters;
it takes seconds instead of microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import numpy as np

from edgeseq.choose.budget import Cost
from edgeseq.choose.configuration import Configuration, TaskShape
from edgeseq.choose.search.space import Proposal
from edgeseq.choose.search.target import cost_of
from edgeseq.choose.search.trial import BUILDS, TrialSpec, recipe_of
from edgeseq.data import DataSet, Part
from edgeseq.errors import ToolchainError
from edgeseq.quantize.types import QuantGraph
from edgeseq.quantize.types.base import Matvec
from edgeseq.targets import Core, Optimize

WINDOWS = 4
# What lld and GNU ld say of a region of memory.
_OVERFLOW = re.compile(r"region [`'](\w+)'.*?overflowed by (\d+) bytes")


def by_compiling(shape: TaskShape, core: Core) -> Callable[[Configuration, Optimize], Cost]:
    """Return what costs a reference on this core. Each is built and compiled once."""

    @cache
    def graph(network: Configuration) -> QuantGraph:
        return untrained(network, shape)

    @cache
    def cost(network: Configuration, optimize: Optimize) -> Cost:
        from edgeseq.measure.profile import profile

        try:
            return cost_of(profile(graph(network), core, optimize=optimize))
        except ToolchainError as error:
            return _too_large(graph(network), core, str(error))

    return cost


def _too_large(graph: QuantGraph, core: Core, words: str) -> Cost:
    """Return a lower bound of what does not fit the core's own memory, from what the linker says. Raises ToolchainError."""
    over = {region.upper(): int(count) for region, count in _OVERFLOW.findall(words)}
    if not over:
        raise ToolchainError(words)
    flash = core.flash_bytes + over["FLASH"] if "FLASH" in over else sum(matrix.weight.size for matrix in _matrices(graph)) // 2
    ram = core.ram_bytes + over["RAM"] if "RAM" in over else 0
    return Cost(flash, ram, graph.source.macs_per_step * (graph.window_steps or 1))


def _matrices(graph: QuantGraph) -> list[Matvec]:
    return [matrix for layer in graph.layers for matrix in layer.matrices]


def untrained(network: Configuration, shape: TaskShape) -> QuantGraph:
    """Return a reference with random weights, quantised on noise."""
    from edgeseq.frontend import load_model
    from edgeseq.quantize import quantize
    from edgeseq.train.backend import import_keras

    keras = import_keras()
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(WINDOWS, network.steps(shape), shape.features)).astype(np.float32)
    part = Part(x, np.arange(WINDOWS) % shape.outputs)
    data = DataSet("untrained", part, part, class_names=tuple(str(number) for number in range(shape.outputs)))
    model = BUILDS[network.cell](keras, data, recipe_of(TrialSpec(0, Proposal(network), 1, 1, 0)))
    return quantize(load_model(model), x, network.scheme, input_dtype=network.input_dtype)
