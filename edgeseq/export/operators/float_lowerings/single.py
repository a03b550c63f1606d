"""Layers that look at one time step alone, in floats."""

from __future__ import annotations

import numpy as np

from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.float_lowerings.values import apply_function, product, row_of
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.export.operators.types import Tensor
from edgeseq.graph import Activate, Dense, Embedding, LayerNormalization, Prelu


def dense(build: Builder, layer: Dense, x: Steps) -> Steps:
    """A product and its function."""

    def run(value: Tensor) -> Tensor:
        return apply_function(build, layer.name, layer.activation, product(build, value, layer.kernel, layer.bias))

    return x.apply(run)


def activate(build: Builder, layer: Activate, x: Steps) -> Steps:
    """A function alone."""
    return x.apply(lambda value: apply_function(build, layer.name, layer.function, value, layer.parameters))


def prelu(build: Builder, layer: Prelu, x: Steps) -> Steps:
    """A slope per unit below 0."""
    alpha = row_of(build, layer.alpha)

    def run(value: Tensor) -> Tensor:
        return build.add(build.relu(value), build.multiply(build.minimum(value, build.number(0.0)), alpha))

    return x.apply(run)


def layer_normalization(build: Builder, layer: LayerNormalization, x: Steps) -> Steps:
    """Over the units of a step."""

    def run(value: Tensor) -> Tensor:
        share = build.number(1.0 / value.units)
        centred = build.subtract(value, build.multiply(build.sum(value), share))
        variance = build.multiply(build.sum(build.multiply(centred, centred)), share)
        result = build.multiply(centred, build.reciprocal_root(build.add(variance, build.number(layer.epsilon))))
        if layer.gamma is not None:
            result = build.multiply(result, row_of(build, layer.gamma))
        return result if layer.beta is None else build.add(result, row_of(build, layer.beta))

    return x.apply(run)


def embedding(build: Builder, layer: Embedding, x: Steps) -> Steps:
    """The id is rounded and clamped to the table."""
    table = build.constant(layer.table.astype(np.float32))
    last = build.number(len(layer.table) - 1.0)

    def run(value: Tensor) -> Tensor:
        clamped = build.minimum(build.maximum(value, build.number(0.0)), last)
        index = build.cast(build.add(clamped, build.number(0.5)), "int32")
        return build.gather(table, build.reshape(index, (value.shape[0],)))

    return x.apply(run)
