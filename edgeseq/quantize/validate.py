"""Invariants of a QuantGraph that kernels rely on: checked when a file is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgeseq.arith.scale import Scale
from edgeseq.graph import Graph
from edgeseq.quantize.types import (
    SCHEMES,
    QuantDense,
    QuantFastGrnn,
    QuantGraph,
    QuantGru,
    QuantInput,
    QuantLayer,
    QuantLookup,
    QuantLstm,
    QuantMgu,
    QuantMinGru,
    QuantRectify,
    QuantRelu,
    QuantSimpleRnn,
)
from edgeseq.quantize.validators import recurrent, single


def validate(graph: QuantGraph) -> str | None:
    """Return what is wrong with the graph, or None."""
    if graph.scheme not in SCHEMES:
        return f"unknown scheme {graph.scheme!r}"
    if problem := _input_problem(graph):
        return problem
    if not graph.layers:
        return "the graph has no layers"
    size = graph.input.size
    for layer in graph.layers:
        if problem := VALIDATORS[type(layer)](layer, size):
            return f"layer {layer.name!r}: {problem}"
        size = layer.units
    return None


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
}
