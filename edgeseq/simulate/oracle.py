"""Bit-exact integer execution of a QuantGraph, vectorised over a batch of streams."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.arith.activation import cell_argument, sigmoid_q15, tanh_q15
from edgeseq.arith.product import multiply_q15, narrow_to_int8, saturate_int16
from edgeseq.arith.requantize import requantize
from edgeseq.errors import DataError
from edgeseq.graph.reference import softmax
from edgeseq.quantize.types import (
    Matvec,
    QuantDense,
    QuantGraph,
    QuantGru,
    QuantInput,
    QuantLayer,
    QuantLstm,
    QuantRecurrent,
    QuantRelu,
    QuantSimpleRnn,
)

Int: TypeAlias = npt.NDArray[np.int32]
Codes: TypeAlias = npt.NDArray[np.int8] | npt.NDArray[np.int16]


@dataclass(slots=True)
class LayerState:
    """Carried integers of one layer: hidden int16 in Q15 (batch, units), cell for LSTM only."""

    hidden: Int
    cell: Int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class OracleRun:
    """outputs: int16 (batch, time, out). states: int16 (batch, time, all state values), layer by layer, hidden then cell."""

    outputs: npt.NDArray[np.int16]
    states: npt.NDArray[np.int16] | None = field(default=None)


class Oracle:
    """Runs a QuantGraph on int8 inputs; keeps state between calls like the C code does."""

    def __init__(self, graph: QuantGraph, batch: int = 1) -> None:
        self.graph = graph
        self._weights = {id(m): m.weight.T.astype(np.float64) for layer in graph.layers for m in _matrices(layer)}
        self.batch = batch
        self.reset()

    def reset(self) -> None:
        """Set every state to zero."""
        self.states = {layer.name: _zero_state(layer, self.batch) for layer in self.graph.recurrent}

    def step(self, x: npt.NDArray[np.integer]) -> Int:
        """Advance one time step. x: input codes (batch, features); returns int16 values (batch, out)."""
        value: Int = x.astype(np.int32)
        is_input = True
        for layer in self.graph.layers:
            value = self._layer(layer, value, is_input=is_input)
            is_input = False
        return value

    def run(self, x: npt.NDArray[np.integer], *, keep_states: bool = False) -> OracleRun:
        """Advance over (batch, time, features); the state continues from the last call."""
        batch, steps, features = x.shape
        if batch != self.batch or features != self.graph.input_size:
            raise DataError(f"input {x.shape}; expected ({self.batch}, time, {self.graph.input_size})")
        outputs = np.empty((batch, steps, self.graph.output_size), np.int16)
        width = sum(_state_width(layer) for layer in self.graph.recurrent)
        states = np.empty((batch, steps, width), np.int16) if keep_states else None
        for t in range(steps):
            outputs[:, t] = self.step(x[:, t])
            if states is not None:
                states[:, t] = self.state_vector()
        return OracleRun(outputs, states)

    def state_vector(self) -> npt.NDArray[np.int16]:
        """All carried values (batch, n): for each layer hidden, then cell. The C snapshot has this order."""
        parts = []
        for layer in self.graph.recurrent:
            state = self.states[layer.name]
            parts.append(state.hidden)
            if state.cell is not None:
                parts.append(state.cell)
        return np.concatenate(parts, axis=1).astype(np.int16)

    def _accumulate(self, matrix: Matvec, x: Int) -> npt.NDArray[np.int64]:
        # float64 products are exact here: |acc| < 2**31 by construction, far below 2**53.
        return (x.astype(np.float64) @ self._weights[id(matrix)]).astype(np.int64)

    def _doubled(self, matrix: Matvec, x: Int) -> Int:
        """Doubled products, odd bias. x already has its zero point removed."""
        acc = 2 * self._accumulate(matrix, x) + matrix.bias
        return requantize(acc, matrix.multiplier, matrix.shift)

    def _layer(self, layer: QuantLayer, value: Int, *, is_input: bool) -> Int:
        zero_point = self.graph.input.zero_point if is_input else 0
        match layer:
            case QuantDense():
                return self._dense(layer, value, zero_point)
            case QuantRelu():
                return np.maximum(value, 0)
        narrow = value - zero_point if is_input else narrow_to_int8(value)
        state = self.states[layer.name]
        from_input = self._doubled(layer.input, narrow)
        match layer:
            case QuantGru():
                state.hidden = self._gru(layer, from_input, state.hidden)
            case QuantLstm():
                assert state.cell is not None
                state.hidden, state.cell = self._lstm(layer, from_input, state.hidden, state.cell)
            case QuantSimpleRnn():
                total = saturate_int16(from_input + self._doubled(layer.recurrent, narrow_to_int8(state.hidden)))
                state.hidden = tanh_q15(total << layer.preactivation_shift)
        return state.hidden

    def _gru(self, layer: QuantGru, from_input: Int, h: Int) -> Int:
        units, shift = layer.units, layer.preactivation_shift
        from_state = self._doubled(layer.recurrent, narrow_to_int8(h))
        gates = sigmoid_q15(saturate_int16(from_input[:, : 2 * units] + from_state[:, : 2 * units]) << shift)
        z, r = gates[:, :units], gates[:, units:]
        if layer.reset_after:
            candidate_from_state = multiply_q15(r, from_state[:, 2 * units :])
        else:
            gated = narrow_to_int8(multiply_q15(r, h))
            candidate_from_state = self._doubled(layer.recurrent, gated)[:, 2 * units :]
        total = saturate_int16(from_input[:, 2 * units :] + candidate_from_state)
        candidate = tanh_q15(total << shift)
        # z*h + (c - z*c): 1 - z is never formed, since it does not fit Q15 at z = 0.
        rest = saturate_int16(candidate - multiply_q15(z, candidate))
        return saturate_int16(multiply_q15(z, h) + rest)

    def _lstm(self, layer: QuantLstm, from_input: Int, h: Int, c: Int) -> tuple[Int, Int]:
        units, shift = layer.units, layer.preactivation_shift
        total = saturate_int16(from_input + self._doubled(layer.recurrent, narrow_to_int8(h))) << shift
        i, f = sigmoid_q15(total[:, :units]), sigmoid_q15(total[:, units : 2 * units])
        g, o = tanh_q15(total[:, 2 * units : 3 * units]), sigmoid_q15(total[:, 3 * units :])
        cell = saturate_int16(multiply_q15(f, c) + multiply_q15(i, g, layer.cell_shift))
        return multiply_q15(o, tanh_q15(cell_argument(cell, layer.cell_shift))), cell

    def _dense(self, layer: QuantDense, value: Int, zero_point: int) -> Int:
        if layer.input_dtype == "int8":
            out = self._doubled(layer.matvec, value - zero_point)
        else:
            acc = self._accumulate(layer.matvec, value) + layer.matvec.bias
            out = requantize(acc, layer.matvec.multiplier, layer.matvec.shift)
        match layer.activation:
            case "relu":
                return np.maximum(out, 0)
            case "sigmoid":
                return sigmoid_q15(out << layer.preactivation_shift)
            case "tanh":
                return tanh_q15(out << layer.preactivation_shift)
            case "linear":
                return out


def quantize_input(entry: QuantInput, x: npt.NDArray[np.floating]) -> Codes:
    """Raw values (..., features) -> int8 or int16 codes, as ``NAME_quantize_input`` in C does in float32."""
    # float32 with one fused factor per feature, because that is what the C helper computes.
    gain, offset = entry.affine()
    codes = np.floor(x.astype(np.float32) * gain + offset + np.float32(0.5))
    return np.clip(codes, *entry.code_range).astype(np.dtype(entry.dtype))


def dequantize_output(graph: QuantGraph, y: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """int16 outputs (..., out) -> real values; probabilities if the model ends in a softmax."""
    real = y.astype(np.float64) * graph.output_scale.value
    return softmax(real) if graph.softmax else real


def _matrices(layer: QuantLayer) -> tuple[Matvec, ...]:
    match layer:
        case QuantDense():
            return (layer.matvec,)
        case QuantRelu():
            return ()
    return (layer.input, layer.recurrent)


def _zero_state(layer: QuantRecurrent, batch: int) -> LayerState:
    zeros = np.zeros((batch, layer.units), np.int32)
    return LayerState(zeros, zeros.copy() if isinstance(layer, QuantLstm) else None)


def _state_width(layer: QuantRecurrent) -> int:
    return layer.units * (2 if isinstance(layer, QuantLstm) else 1)
