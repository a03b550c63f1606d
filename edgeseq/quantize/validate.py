"""Invariants of a QuantGraph that kernels rely on: checked when a file is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeseq.arith.attention import MAX_FRACTION_BITS, MIN_FRACTION_BITS
from edgeseq.arith.normalize import MAX_EPSILON, MAX_NORMALIZED_SIZE
from edgeseq.arith.requantize import MAX_MULTIPLIER, MAX_SHIFT, MIN_SHIFT
from edgeseq.arith.scale import MAX_PREACTIVATION_SHIFT, MIN_PREACTIVATION_SHIFT, Q15, Scale
from edgeseq.graph import Graph
from edgeseq.quantize.types import (
    MAX_WINDOW_STEPS,
    SCHEMES,
    Matvec,
    QuantAttention,
    QuantBidirectional,
    QuantDelay,
    QuantDense,
    QuantDepthwise,
    QuantEmbedding,
    QuantGraph,
    QuantGru,
    QuantInput,
    QuantLastStep,
    QuantLayer,
    QuantLstm,
    QuantNormalize,
    QuantPool,
    QuantRearrange,
    QuantRecurrent,
    QuantRelu,
    QuantResidual,
    QuantReverse,
    QuantSimpleRnn,
    QuantWiden,
    walk,
)

# What reads an int16 tensor alone, never input codes.
WIDENED = (QuantRelu, QuantPool, QuantNormalize, QuantDelay, QuantDepthwise)
MAX_SIZE = 65535  # values per time step are uint16 in the C kernels
MAX_HISTORY = 32767  # the position in a delay line is int16


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
        if not 1 <= size <= MAX_SIZE:
            return f"layer {layer.name!r}: {size} values a step; expected 1 to {MAX_SIZE}"
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


def _relu(layer: QuantRelu, size: int) -> str | None:
    return None if layer.units == size else f"{layer.units} units after a tensor of {size}"


def _dense(layer: QuantDense, size: int) -> str | None:
    if layer.activation not in ("linear", "relu", "sigmoid", "tanh") or layer.input_dtype not in ("int8", "int16"):
        return f"activation {layer.activation!r} of {layer.input_dtype!r} input"
    tabled = layer.activation in ("sigmoid", "tanh")
    return matvec_problem(layer.matvec, size, None) or _shift_problem(layer.preactivation_shift, used=tabled)


def _recurrent(layer: QuantRecurrent, size: int) -> str | None:
    if layer.operand not in ("int8", "int16"):
        return f"operand {layer.operand!r}"
    rows = layer.gates * layer.units
    return (
        matvec_problem(layer.input, size, rows)
        or matvec_problem(layer.recurrent, layer.units, rows)
        or _shift_problem(layer.preactivation_shift, used=True)
    )


def _lstm(layer: QuantLstm, size: int) -> str | None:
    if not 0 <= layer.cell_shift <= 7:
        return f"cell shift {layer.cell_shift}"
    return _recurrent(layer, size)


def _same_size(layer: Any, size: int) -> str | None:
    return None if layer.size == size else f"{layer.size} values after a tensor of {size}"


def _widen(layer: QuantWiden, size: int) -> str | None:
    return _same_size(layer, size)


def _pool(layer: QuantPool, size: int) -> str | None:
    return f"pools by {layer.function!r}" if layer.function not in ("average", "max") else _same_size(layer, size)


def _normalize(layer: QuantNormalize, size: int) -> str | None:
    if not (_within(layer.epsilon, 1, MAX_EPSILON) and _within(layer.fraction_bits, 0, 15) and size <= MAX_NORMALIZED_SIZE):
        return f"normalises {size} values with epsilon {layer.epsilon!r} and {layer.fraction_bits!r} fraction bits"
    return _same_size(layer, size)


def _delay(layer: QuantDelay, size: int) -> str | None:
    sound = _within(layer.taps, 2, MAX_HISTORY + 1) and _within(layer.dilation, 1, MAX_HISTORY)
    if not sound or layer.history > MAX_HISTORY or layer.dtype not in ("int8", "int16"):
        return f"{layer.taps!r} taps at dilation {layer.dilation!r} of {layer.dtype!r}"
    return _same_size(layer, size)


def _depthwise(layer: QuantDepthwise, size: int) -> str | None:
    if not _within(layer.channels, 1, MAX_SIZE) or size % layer.channels or layer.matvec.rows % layer.channels:
        return f"{layer.channels!r} channels of {size} values"
    if layer.matvec.bits != 8 or layer.activation not in ("linear", "relu", "sigmoid", "tanh"):
        return f"activation {layer.activation!r} of weights of {layer.matvec.bits!r} bits"
    tabled = layer.activation in ("sigmoid", "tanh")
    return matvec_problem(layer.matvec, size // layer.channels, None) or _shift_problem(layer.preactivation_shift, used=tabled)


def _embedding(layer: QuantEmbedding, size: int) -> str | None:
    if layer.table.ndim != 2 or layer.table.dtype != np.int8 or not 1 <= len(layer.table) <= 16384:
        return f"table {layer.table.shape} {layer.table.dtype}"
    return None


def _residual(layer: QuantResidual, size: int) -> str | None:
    if not (_within(layer.body_shift, 0, 30) and _within(layer.shortcut_shift, 0, 30)):
        return f"shifts {layer.body_shift!r} and {layer.shortcut_shift!r}"
    for chain in (layer.body, layer.shortcut):
        if (chain[-1].units if chain else size) != layer.units:
            return "the two sides differ in size"
    return _same_size(layer, size)


def _within(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and low <= value <= high


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
    QuantGru: _recurrent,
    QuantLstm: _lstm,
    QuantSimpleRnn: _recurrent,
    QuantDense: _dense,
    QuantRelu: _relu,
    QuantWiden: _widen,
    QuantResidual: _residual,
    QuantPool: _pool,
    QuantNormalize: _normalize,
    QuantDelay: _delay,
    QuantDepthwise: _depthwise,
    QuantEmbedding: _embedding,
    QuantReverse: _rearrange,
    QuantLastStep: _rearrange,
    QuantBidirectional: _bidirectional,
    QuantAttention: _attention,
}


def matvec_problem(matrix: Matvec, columns: int, rows: int | None) -> str | None:
    """Return what is wrong with a matrix of that many columns and rows (None: any)."""
    if matrix.weight.ndim != 2 or matrix.weight.dtype != np.int8 or matrix.columns != columns:
        return f"weights {matrix.weight.shape} {matrix.weight.dtype} do not fit {columns} inputs"
    if rows is not None and matrix.rows != rows:
        return f"{matrix.rows} rows; expected {rows}"
    return _range_problem(matrix) or _row_problem(matrix)


def _range_problem(matrix: Matvec) -> str | None:
    if matrix.bits not in (4, 8):
        return f"weights of {matrix.bits!r} bits"
    weight = matrix.weight.astype(np.int16)
    if np.abs(weight).max(initial=0) > matrix.largest_weight:
        largest = weight.flat[np.abs(weight).argmax()]
        return f"a weight of {largest}; expected {-matrix.largest_weight}..{matrix.largest_weight}"
    return None


def _row_problem(matrix: Matvec) -> str | None:
    if matrix.bias.shape != (matrix.rows,) or matrix.bias.dtype != np.int32:
        return f"bias {matrix.bias.shape} {matrix.bias.dtype} does not fit {matrix.rows} rows"
    if matrix.multiplier.shape != (matrix.rows,) or matrix.multiplier.dtype != np.int16 or (matrix.multiplier < 1).any():
        return "multipliers are not one positive int16 per row"
    shifts = isinstance(matrix.shift, int) and MIN_SHIFT <= matrix.shift <= MAX_SHIFT
    return None if shifts else f"shift {matrix.shift!r} is outside {MIN_SHIFT}..{MAX_SHIFT}"


def _shift_problem(shift: int, *, used: bool) -> str | None:
    if used and not (isinstance(shift, int) and MIN_PREACTIVATION_SHIFT <= shift <= MAX_PREACTIVATION_SHIFT):
        return f"pre-activation shift {shift!r} is outside {MIN_PREACTIVATION_SHIFT}..{MAX_PREACTIVATION_SHIFT}"
    return None
