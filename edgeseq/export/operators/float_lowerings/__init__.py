"""The float model as operators of float32: the same forms, for runtimes with a floating point unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.float_lowerings import around, recurrent, single
from edgeseq.export.operators.float_lowerings.values import product, row_of
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.export.operators.types import Tensor
from edgeseq.graph import (
    Activate,
    Bidirectional,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    Embedding,
    FastGrnn,
    GlobalPool,
    Graph,
    Gru,
    LastStep,
    Layer,
    LayerNormalization,
    Lstm,
    Mgu,
    MinGru,
    Prelu,
    Residual,
    Reverse,
    SelfAttention,
    SimpleRnn,
)

Lowering: TypeAlias = Callable[[Builder, Any, Steps], Steps]


def lower_float_chain(build: Builder, layers: Sequence[Layer], x: Steps) -> Steps:
    """The result of layers one behind another. Raises TargetError for a function that has no operators."""
    for layer in layers:
        x = FLOAT_LOWERINGS[type(layer)](build, layer, x)
    return x


def normalized_input(build: Builder, graph: Graph, x: Tensor) -> Tensor:
    """What the first layer reads of raw values."""
    if graph.normalization is None:
        return x
    mean, std = graph.normalization.mean, graph.normalization.std
    return build.multiply(build.subtract(x, row_of(build, mean)), row_of(build, 1.0 / std))


def _residual(build: Builder, layer: Residual, x: Steps) -> Steps:
    body, shortcut = (lower_float_chain(build, chain, x) for chain in layer.chains)
    return body.with_other(shortcut, build.add)


def _reverse(build: Builder, layer: Reverse, x: Steps) -> Steps:
    return x.reversed()


def _last_step(build: Builder, layer: LastStep, x: Steps) -> Steps:
    return x.last()


def _bidirectional(build: Builder, layer: Bidirectional, x: Steps) -> Steps:
    forward, backward = (lower_float_chain(build, chain, x) for chain in layer.chains)

    def merge(a: Tensor, b: Tensor) -> Tensor:
        match layer.merge:
            case "concat":
                return build.concat([a, b], 1)
            case "sum":
                return build.add(a, b)
            case "mul":
                return build.multiply(a, b)
            case "ave":
                return build.multiply(build.add(a, b), build.number(0.5))

    return forward.with_other(backward, merge)


def _self_attention(build: Builder, layer: SelfAttention, x: Steps) -> Steps:
    """Head by head; the factor 1 / sqrt(key size) is part of the query's projection."""
    scaled = 1.0 / np.sqrt(layer.query.units // layer.heads)
    query, key, value = (
        build.split(
            product(build, x.whole, factor * part.kernel, factor * part.bias), [part.units // layer.heads] * layer.heads, 1
        )
        for part, factor in zip(layer.projections[:3], (scaled, 1.0, 1.0), strict=True)
    )
    contexts = []
    for q, k, v in zip(query, key, value, strict=True):
        weights = build.softmax(build.matrix_product(q, k, by_rows=True))
        contexts.append(build.matrix_product(weights, v, by_rows=False))
    return single.dense(build, layer.output, Steps(build, whole=build.concat(contexts, 1)))


# Layers that look at one time step alone.
FLOAT_SINGLE: tuple[type[Layer], ...] = (Dense, Activate, Prelu, LayerNormalization)

FLOAT_LOWERINGS: dict[type[Layer], Lowering] = {
    Gru: recurrent.gru,
    Lstm: recurrent.lstm,
    SimpleRnn: recurrent.simple_rnn,
    Mgu: recurrent.mgu,
    MinGru: recurrent.min_gru,
    FastGrnn: recurrent.fast_grnn,
    Dense: single.dense,
    Activate: single.activate,
    Prelu: single.prelu,
    Residual: _residual,
    GlobalPool: around.pool,
    LayerNormalization: single.layer_normalization,
    Conv1D: around.conv1d,
    DepthwiseConv1D: around.depthwise,
    Embedding: single.embedding,
    Reverse: _reverse,
    LastStep: _last_step,
    Bidirectional: _bidirectional,
    SelfAttention: _self_attention,
}
