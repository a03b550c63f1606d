"""Invariants of a QuantGraph that kernels rely on: checked when a file is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgeseq.arith.scale import Scale
from edgeseq.graph import Graph
from edgeseq.quantize.types import (
    SCHEMES,
    QuantDelay,
    QuantDense,
    QuantDepthwise,
    QuantEmbedding,
    QuantFastGrnn,
    QuantGraph,
    QuantGru,
    QuantInput,
    QuantLayer,
    QuantLookup,
    QuantLstm,
    QuantMgu,
    QuantMinGru,
    QuantNormalize,
    QuantPool,
    QuantRectify,
    QuantRelu,
    QuantResidual,
    QuantSimpleRnn,
    QuantWiden,
)
from edgeseq.quantize.validators import around, recurrent, single

# What reads an int16 tensor alone, never input codes.
WIDENED = (QuantRelu, QuantRectify, QuantLookup, QuantResidual, QuantPool, QuantNormalize, QuantDelay, QuantDepthwise)


def validate(graph: QuantGraph) -> str | None:
    """Return what is wrong with the graph, or None."""
    if graph.scheme not in SCHEMES:
        return f"unknown scheme {graph.scheme!r}"
    if problem := _input_problem(graph):
        return problem
    if not graph.layers:
        return "the graph has no layers"
    return chain_problem(graph.layers, graph.input.size, graph.input)


def chain_problem(layers: tuple[QuantLayer, ...], size: int, entry: QuantInput | None) -> str | None:
    """Return what is wrong with a chain of layers that reads `size` values, or None.

    entry: what they are if the chain starts at the model's input, else None.
    """
    for layer in layers:
        if problem := _reading_problem(layer, entry) or VALIDATORS[type(layer)](layer, size):
            return f"layer {layer.name!r}: {problem}"
        size, entry = layer.units, None
        if not 1 <= size <= around.MAX_SIZE:
            return f"layer {layer.name!r}: {size} values a step; expected 1 to {around.MAX_SIZE}"
    return None


def _reading_problem(layer: QuantLayer, entry: QuantInput | None) -> str | None:
    """What a layer cannot read where it stands; entry: the codes that it reads, or None for an int16 tensor."""
    if isinstance(layer, QuantDense) and layer.input_dtype != ("int16" if entry is None else entry.dtype):
        return f"input dtype {layer.input_dtype!r} does not fit what it reads"
    if not isinstance(layer, QuantWiden | QuantEmbedding):
        if entry is not None and isinstance(layer, WIDENED):
            return "reads the model's input codes; expected an int16 tensor"
        return None
    if entry is None:
        return "reads the model's input codes, and is not the first layer"
    if isinstance(layer, QuantEmbedding):
        return None if (entry.dtype, entry.size) == ("int16", 1) else "reads one int16 token id a step"
    expected = 1 if entry.dtype == "int16" else 8 if entry.zero_point == 0 else 7
    return None if layer.shift == expected else f"shifts {entry.dtype} codes by {layer.shift!r}"


def _input_problem(graph: QuantGraph) -> str | None:
    entry = graph.input
    if not (isinstance(entry, QuantInput) and isinstance(entry.scale, Scale) and isinstance(graph.source, Graph)):
        return "the input quantiser or the float source is missing"
    if entry.dtype not in ("int8", "int16") or (entry.dtype == "int16" and entry.zero_point != 0):
        return f"input dtype {entry.dtype!r} with zero point {entry.zero_point!r}"
    if not (isinstance(entry.zero_point, int) and -128 <= entry.zero_point <= 127):
        return f"input zero point {entry.zero_point!r} is outside int8"
    if entry.mean.shape != entry.std.shape or entry.mean.ndim != 1 or not (entry.std > 0).all():
        return "input mean and std do not fit together"
    return None


def _residual(layer: QuantResidual, size: int) -> str | None:
    if not (around.within(layer.body_shift, 0, 30) and around.within(layer.shortcut_shift, 0, 30)):
        return f"shifts {layer.body_shift!r} and {layer.shortcut_shift!r}"
    for chain in (layer.body, layer.shortcut):
        if problem := chain_problem(chain, size, None):
            return problem
        if (chain[-1].units if chain else size) != layer.units:
            return "the two sides differ in size"
    return around.same_size(layer, size)


# (layer, values per time step of its input) -> what is wrong, or None.
VALIDATORS: dict[type[QuantLayer], Callable[[Any, int], str | None]] = {
    QuantGru: recurrent.gru,
    QuantLstm: recurrent.lstm,
    QuantSimpleRnn: recurrent.simple_rnn,
    QuantMgu: recurrent.pair,
    QuantMinGru: recurrent.min_gru,
    QuantFastGrnn: recurrent.fast_grnn,
    QuantDense: single.dense,
    QuantRelu: single.relu,
    QuantRectify: single.rectify,
    QuantLookup: single.lookup,
    QuantWiden: around.widen,
    QuantResidual: _residual,
    QuantPool: around.pool,
    QuantNormalize: around.normalize,
    QuantDelay: around.delay,
    QuantDepthwise: around.depthwise,
    QuantEmbedding: around.embedding,
}
