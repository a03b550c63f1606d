"""Choosing among roundings of the same graph by what they do to its states.

A recurrent layer can amplify one unlucky rounding: with the same scales, plain rounding
of one LSTM moved between 28 and 37 dB as its row scale changed by 1 %. So several
roundings are made, each is run as a float model with its rounded weights and inputs,
and the one whose states stay closest to the original wins.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edgeseq.arith.scale import Scale
from edgeseq.graph import Graph, Layer, Residual
from edgeseq.graph.layers import FloatArray
from edgeseq.graph.reference import forward, normalize
from edgeseq.quantize.types import (
    Factor,
    Matvec,
    Operand,
    QuantFastGrnn,
    QuantGraph,
    QuantGru,
    QuantInput,
    QuantLayer,
    QuantLstm,
    QuantMgu,
    QuantMinGru,
    QuantPair,
    QuantRecurrent,
    QuantResidual,
    QuantSimpleRnn,
)

# Windows that candidates are compared on; calibration ones, so no other data is needed.
MAX_WINDOWS = 256


def spread(windows: FloatArray, count: int = MAX_WINDOWS) -> FloatArray:
    """Return at most `count` windows, evenly spaced."""
    return windows[:: max(1, len(windows) // count)][:count]


def rounded_input(entry: QuantInput, x: FloatArray, graph: Graph) -> FloatArray:
    """Raw values (..., features) after a round trip through the input's codes."""
    codes = np.round(normalize(graph, x) / entry.scale.value) + entry.zero_point
    return (np.clip(codes, *entry.code_range) - entry.zero_point) * entry.scale.value * entry.std + entry.mean


def state_sqnr_db(graph: Graph, other: Graph, x: FloatArray, other_x: FloatArray) -> float:
    """SQNR in dB of all observed layers' outputs, usually the states, of `other` on `other_x` against `graph` on `x`."""
    names = graph.observed
    exact = forward(graph, x, keep_hidden=names).hidden
    disturbed = forward(other, other_x, keep_hidden=names).hidden
    signal = sum(float(np.sum(exact[name] ** 2)) for name in names)
    noise = sum(float(np.sum((exact[name] - disturbed[name]) ** 2)) for name in names)
    return float("inf") if noise == 0 else 10 * float(np.log10(signal / noise))


def best_of(candidates: Sequence[QuantGraph], windows: FloatArray) -> QuantGraph:
    """Return the candidate whose rounded weights and inputs disturb the states least.

    candidates: of one graph and one input; windows: (n, time, features).
    """
    few = spread(windows)
    source, entry = candidates[0].source, candidates[0].input
    if len(candidates) == 1:
        return candidates[0]
    names = source.observed
    exact = forward(source, few, keep_hidden=names).hidden
    rounded = rounded_input(entry, few, source)

    def noise(candidate: QuantGraph) -> float:
        disturbed = forward(dequantized(candidate), rounded, keep_hidden=names).hidden
        return sum(float(np.sum((exact[name] - disturbed[name]) ** 2)) for name in names)

    return min(candidates, key=noise)


def dequantized(graph: QuantGraph) -> Graph:
    """Return the float graph that computes with the recurrent layers' rounded weights and biases."""
    rounded = dict(_real_cells(graph.layers, graph.input.scale, is_input=True))
    return dataclasses.replace(graph.source, layers=_replaced(graph.source.layers, rounded))


def _real_cells(layers: Sequence[QuantLayer], scale: Scale, *, is_input: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the rounded arrays of every recurrent layer of a chain that reads a tensor of that scale."""
    for layer in layers:
        if isinstance(layer, QuantResidual):
            for chain in (layer.body, layer.shortcut):
                yield from _real_cells(chain, scale, is_input=is_input)
        if isinstance(layer, QuantRecurrent):
            # The model's input enters as it is, any later tensor by its upper bits.
            yield layer.name, _REAL[type(layer)](layer, scale if is_input else _operand_scale(scale, layer.operand))
        scale, is_input = layer.out_scale, False


def _replaced(layers: Sequence[Layer], rounded: Mapping[str, dict[str, Any]]) -> tuple[Layer, ...]:
    """A chain with the arrays that `rounded` has for its layers."""
    found: list[Layer] = []
    for layer in layers:
        if isinstance(layer, Residual):
            body, shortcut = _replaced(layer.body, rounded), _replaced(layer.shortcut, rounded)
            found.append(dataclasses.replace(layer, body=body, shortcut=shortcut))
        else:
            found.append(dataclasses.replace(layer, **rounded.get(layer.name, {})))
    return tuple(found)


def _operand_scale(scale: Scale, operand: Operand) -> Scale:
    """Real value of one step of an int16 tensor's top byte or upper 15 bits."""
    return scale.times_power_of_two(8 if operand == "int8" else 1)


def _real_pair(layer: QuantPair, in_scale: Scale) -> dict[str, Any]:
    out = _row_values(layer)
    kernel, bias = _real(layer.input, in_scale, out)
    recurrent, recurrent_bias = _real(layer.recurrent, _operand_scale(layer.out_scale, layer.operand), out)
    both = np.stack([bias, recurrent_bias]) if isinstance(layer, QuantGru) else bias + recurrent_bias
    return {"kernel": kernel.T, "recurrent_kernel": recurrent.T, "bias": both}


def _real_min_gru(layer: QuantMinGru, in_scale: Scale) -> dict[str, Any]:
    kernel, bias = _real(layer.input, in_scale, _row_values(layer))
    return {"kernel": kernel.T, "bias": bias}


def _real_fast_grnn(layer: QuantFastGrnn, in_scale: Scale) -> dict[str, Any]:
    out = _row_values(layer)
    state_scale = _operand_scale(layer.out_scale, layer.operand)
    kernels, bias = _real_factors(layer, layer.input_factor, layer.input, in_scale, out)
    recurrent, recurrent_bias = _real_factors(layer, layer.recurrent_factor, layer.recurrent, state_scale, out)
    bias = bias + recurrent_bias
    return {
        "kernels": kernels,
        "recurrent_kernels": recurrent,
        "bias": np.stack([bias, bias + layer.candidate_bias * out]),
        "zeta": np.array([layer.zeta / 32768]),
        "nu": np.array([layer.nu / 32768]),
    }


def _real_factors(
    layer: QuantFastGrnn, factor: Factor | None, matrix: Matvec, in_scale: Scale, out: FloatArray
) -> tuple[tuple[FloatArray, ...], FloatArray]:
    """Return (kernels, bias of their product)."""
    if factor is None:
        kernel, bias = _real(matrix, in_scale, out)
        return (kernel.T,), bias
    first, first_bias = _real(factor.matvec, in_scale, np.full(factor.matvec.rows, factor.scale.value * 2.0**factor.shift))
    kernel, bias = _real(matrix, _operand_scale(factor.scale, layer.operand), out)
    return (first.T, kernel.T), bias + kernel @ first_bias


# (layer, scale of its input's operand) -> fields of the float layer
_REAL: dict[type[QuantLayer], Callable[[Any, Scale], dict[str, Any]]] = {
    QuantGru: _real_pair,
    QuantLstm: _real_pair,
    QuantSimpleRnn: _real_pair,
    QuantMgu: _real_pair,
    QuantMinGru: _real_min_gru,
    QuantFastGrnn: _real_fast_grnn,
}


def _row_values(layer: QuantRecurrent) -> FloatArray:
    """Real value of one step of each row's requantised result."""
    return np.repeat([scale.value for scale in layer.block_scales], layer.units)


def _real(matrix: Matvec, in_scale: Scale, out: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the real (rows, columns) weights and (rows,) bias of a matrix whose input enters doubled; out: (rows,)."""
    accumulator_step = matrix.multiplier * 2.0**-matrix.shift * out
    return matrix.weight * (2 * accumulator_step / in_scale.value)[:, None], matrix.bias * accumulator_step
