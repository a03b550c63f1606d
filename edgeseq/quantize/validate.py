"""Invariants of a QuantGraph that kernels rely on: checked when a file is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgeseq.arith.attention import MAX_FRACTION_BITS, MIN_FRACTION_BITS
from edgeseq.arith.requantize import MAX_MULTIPLIER, MAX_SHIFT, MIN_SHIFT
from edgeseq.arith.scale import Q15, Scale
from edgeseq.graph import Graph
from edgeseq.quantize.types import (
    MAX_WINDOW_STEPS,
    SCHEMES,
    QuantAttention,
    QuantBidirectional,
    QuantDelay,
    QuantDense,
    QuantDepthwise,
    QuantEmbedding,
    QuantFastGrnn,
    QuantGraph,
    QuantGru,
    QuantInput,
    QuantLastStep,
    QuantLayer,
    QuantLookup,
    QuantLstm,
    QuantMgu,
    QuantMinGru,
    QuantNormalize,
    QuantPool,
    QuantRearrange,
    QuantRectify,
    QuantRelu,
    QuantResidual,
    QuantReverse,
    QuantSimpleRnn,
    QuantWiden,
    walk,
)
from edgeseq.quantize.validators import around, recurrent, single

# What reads an int16 tensor alone, never input codes.
WIDENED = (QuantRelu, QuantRectify, QuantLookup, QuantPool, QuantNormalize, QuantDelay, QuantDepthwise)


def validate(graph: QuantGraph) -> str | None:
    """Return what is wrong with the graph, or None."""
    if graph.scheme not in SCHEMES:
        return f"unknown scheme {graph.scheme!r}"
    if problem := _input_problem(graph):
        return problem
    if all(layer.rearranges for layer in graph.layers):
        return "the graph has no layers"
    if problem := chain_problem(graph.layers, graph.input.size, graph.input):
        return problem
    steps: object = graph.source.time_steps
    if graph.window_reason is not None and not (isinstance(steps, int) and 1 <= steps <= MAX_WINDOW_STEPS):
        return f"windows of {steps!r} time steps; {graph.window_reason}"
    return None


def chain_problem(layers: tuple[QuantLayer, ...], size: int, entry: QuantInput | None) -> str | None:
    """Return what is wrong with a chain of layers that reads `size` values, or None.

    entry: what they are if the chain starts at the model's input, else None.
    """
    for layer in layers:
        if problem := _reading_problem(layer, entry) or _layer_problem(layer, size, entry):
            return f"layer {layer.name!r}: {problem}"
        size, entry = layer.units, entry if layer.rearranges else None
        if not 1 <= size <= around.MAX_SIZE:
            return f"layer {layer.name!r}: {size} values a step; expected 1 to {around.MAX_SIZE}"
    return None


def _layer_problem(layer: QuantLayer, size: int, entry: QuantInput | None) -> str | None:
    """Of a connection, a bidirectional layer or attention, whose parts read what it reads, or of any other layer."""
    if isinstance(layer, QuantBidirectional | QuantAttention):
        # Attention's last projection reads the contexts.
        for chain in layer.chains[: 3 if isinstance(layer, QuantAttention) else 2]:
            if problem := chain_problem(chain, size, entry):
                return problem
    if isinstance(layer, QuantResidual):
        for chain in (layer.body, layer.shortcut):
            if entry is not None and not chain:
                return "adds the model's input codes; expected an int16 tensor"
            if problem := chain_problem(chain, size, entry):
                return problem
    return VALIDATORS[type(layer)](layer, size)


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
        if (chain[-1].units if chain else size) != layer.units:
            return "the two sides differ in size"
    return around.same_size(layer, size)


def _rearrange(layer: QuantRearrange, size: int) -> str | None:
    return None if layer.size == size else f"{layer.size} values per time step after a tensor of {size}"


def _bidirectional(layer: QuantBidirectional, size: int) -> str | None:
    if layer.merge not in ("concat", "sum", "mul", "ave") or not all(layer.chains):
        return f"merge mode {layer.merge!r} of chains of {[len(chain) for chain in layer.chains]} layers"
    return _halves_problem(layer)


def _halves_problem(layer: QuantBidirectional) -> str | None:
    a, b = (chain[-1] for chain in layer.chains)
    if any(all(inner.rearranges for inner in chain) for chain in layer.chains):
        return "a half without a layer"
    if a.out_scale != b.out_scale or (layer.merge == "mul" and a.out_scale != Q15):
        return f"halves of scales {a.out_scale} and {b.out_scale}"
    if layer.merge != "concat" and a.units != b.units:
        return f"halves of {a.units} and {b.units} units"
    if len({any(isinstance(inner, QuantLastStep) for inner in walk(chain)) for chain in layer.chains}) > 1:
        return "one half alone reads the last step"
    return None


def _attention(layer: QuantAttention, size: int) -> str | None:
    if any(part.activation != "linear" for part in layer.projections[:3]):
        return "a projection with an activation"
    if problem := chain_problem((layer.output,), layer.value.units, None):
        return problem
    heads, queries, key_bits = layer.heads, layer.query.units, layer.key_bits
    if not (isinstance(heads, int) and heads > 0 and queries % heads == layer.value.units % heads == 0):
        return f"{heads!r} heads of {queries} queries and {layer.value.units} values"
    if layer.key.units != queries:
        return f"{queries} queries and {layer.key.units} keys"
    if not (isinstance(key_bits, int) and 7 <= key_bits <= 15 - (queries // heads - 1).bit_length()):
        return f"keys of {key_bits!r} bits"
    whole = (layer.multiplier, layer.shift, layer.fraction_bits)
    limits = ((1, MAX_MULTIPLIER), (MIN_SHIFT, MAX_SHIFT), (MIN_FRACTION_BITS, MAX_FRACTION_BITS))
    fits = all(isinstance(value, int) and low <= value <= high for value, (low, high) in zip(whole, limits, strict=True))
    return None if fits else f"multiplier, shift and fraction bits of the scores {whole} are outside {limits}"


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
    QuantReverse: _rearrange,
    QuantLastStep: _rearrange,
    QuantBidirectional: _bidirectional,
    QuantAttention: _attention,
}
