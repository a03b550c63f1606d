"""The meaning of every layer in float64, one time step at a time.

Equations: Keras' GRU, LSTM and SimpleRNN (Cho et al. 2014, Hochreiter and
Schmidhuber 1997, Elman 1990). Calibration listens to the same code through
`Listener`, so that ranges belong to the very tensors the integers will hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from edgeseq.graph.layers import Activate, ActivationName, Dense, FloatArray, Graph, Gru, Layer, Lstm, Recurrent, SimpleRnn

# Called with (layer name, tensor name, value (batch, units)) for each intermediate tensor.
Listener: TypeAlias = Callable[[str, str, FloatArray], None]


def _silent(layer: str, tensor: str, value: FloatArray) -> None:
    """Ignore what calibration would record."""


def sigmoid(value: FloatArray) -> FloatArray:
    """Logistic function without overflow for large negative values."""
    # exp of -|v| never overflows; both halves share it.
    decay = np.exp(-np.abs(value))
    return np.where(value >= 0, 1.0, decay) / (1.0 + decay)


def softmax(value: FloatArray) -> FloatArray:
    """Softmax over the last axis."""
    shifted = np.exp(value - value.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), dtype=np.float64)


def activate(name: ActivationName, value: FloatArray) -> FloatArray:
    """Apply an activation by its Keras name."""
    match name:
        case "linear":
            return value
        case "relu":
            return np.maximum(value, 0.0)
        case "sigmoid":
            return sigmoid(value)
        case "tanh":
            return np.tanh(value)
        case "softmax":
            return softmax(value)


@dataclass(slots=True)
class CellState:
    """Carried state of one recurrent layer: hidden (batch, units), cell for LSTM only."""

    hidden: FloatArray
    cell: FloatArray | None = None


@dataclass(slots=True)
class ForwardResult:
    """outputs: (batch, time, out); hidden[layer name]: (batch, time, units)."""

    outputs: FloatArray
    hidden: dict[str, FloatArray] = field(default_factory=dict)


def gru_step(layer: Gru, x: FloatArray, h: FloatArray, listen: Listener = _silent) -> FloatArray:
    """Return the next hidden state; x: (batch, inputs), h: (batch, units)."""
    units = layer.units
    listen(layer.name, "x", x)
    listen(layer.name, "h", h)
    from_input = x @ layer.kernel + layer.bias[0]
    gates_from_state = h @ layer.recurrent_kernel[:, : 2 * units] + layer.bias[1, : 2 * units]
    gates = sigmoid(from_input[:, : 2 * units] + gates_from_state)
    z, r = gates[:, :units], gates[:, units:]
    candidate_kernel, candidate_bias = layer.recurrent_kernel[:, 2 * units :], layer.bias[1, 2 * units :]
    if layer.reset_after:
        candidate_from_state = h @ candidate_kernel + candidate_bias
        listen(layer.name, "recurrent_part", np.concatenate([gates_from_state, candidate_from_state], axis=1))
        candidate_from_state = r * candidate_from_state
    else:
        listen(layer.name, "gated_h", r * h)
        candidate_from_state = (r * h) @ candidate_kernel + candidate_bias
        listen(layer.name, "recurrent_part", np.concatenate([gates_from_state, candidate_from_state], axis=1))
    listen(layer.name, "input_part", from_input)
    candidate = np.tanh(from_input[:, 2 * units :] + candidate_from_state)
    return np.asarray(z * h + (1.0 - z) * candidate, dtype=np.float64)


def lstm_step(
    layer: Lstm, x: FloatArray, h: FloatArray, c: FloatArray, listen: Listener = _silent
) -> tuple[FloatArray, FloatArray]:
    """Return the next (hidden, cell) state; x: (batch, inputs), h and c: (batch, units)."""
    units = layer.units
    listen(layer.name, "x", x)
    listen(layer.name, "h", h)
    from_input = x @ layer.kernel + layer.bias
    from_state = h @ layer.recurrent_kernel
    listen(layer.name, "input_part", from_input)
    listen(layer.name, "recurrent_part", from_state)
    total = from_input + from_state
    i, f = sigmoid(total[:, :units]), sigmoid(total[:, units : 2 * units])
    g, o = np.tanh(total[:, 2 * units : 3 * units]), sigmoid(total[:, 3 * units :])
    cell = f * c + i * g
    listen(layer.name, "cell", cell)
    return np.asarray(o * np.tanh(cell), dtype=np.float64), np.asarray(cell, dtype=np.float64)


def simple_rnn_step(layer: SimpleRnn, x: FloatArray, h: FloatArray, listen: Listener = _silent) -> FloatArray:
    """Return the next hidden state; x: (batch, inputs), h: (batch, units)."""
    listen(layer.name, "x", x)
    listen(layer.name, "h", h)
    from_input = x @ layer.kernel + layer.bias
    from_state = h @ layer.recurrent_kernel
    listen(layer.name, "input_part", from_input)
    listen(layer.name, "recurrent_part", from_state)
    return np.tanh(from_input + from_state)


def zero_state(layer: Recurrent, batch: int) -> CellState:
    """Return the reset state of one layer."""
    cell = np.zeros((batch, layer.units)) if isinstance(layer, Lstm) else None
    return CellState(np.zeros((batch, layer.units)), cell)


def _layer_step(layer: Layer, x: FloatArray, state: CellState | None, listen: Listener) -> FloatArray:
    match layer:
        case Dense():
            listen(layer.name, "x", x)
            before = x @ layer.kernel + layer.bias
            listen(layer.name, "before_activation", before)
            return activate(layer.activation, before)
        case Activate():
            return activate(layer.function, x)
    assert state is not None  # every recurrent layer got one from `forward`
    match layer:
        case Gru():
            state.hidden = gru_step(layer, x, state.hidden, listen)
        case Lstm():
            assert state.cell is not None
            state.hidden, state.cell = lstm_step(layer, x, state.hidden, state.cell, listen)
        case SimpleRnn():
            state.hidden = simple_rnn_step(layer, x, state.hidden, listen)
    return state.hidden


def normalize(graph: Graph, x: FloatArray) -> FloatArray:
    """Apply the graph's input normalisation; x: (..., features) in raw units."""
    if graph.normalization is None:
        return x
    return (x - graph.normalization.mean) / graph.normalization.std


def forward(graph: Graph, x: FloatArray, *, listen: Listener = _silent, keep_hidden: Sequence[str] = ()) -> ForwardResult:
    """Run windows from a zero state; x: (batch, time, features) in raw units.

    keep_hidden names the recurrent layers whose states are returned.
    """
    values = normalize(graph, np.asarray(x, dtype=np.float64))
    batch, steps, _ = values.shape
    states = {layer.name: zero_state(layer, batch) for layer in graph.recurrent}
    outputs = np.empty((batch, steps, graph.output_size))
    hidden = {layer.name: np.empty((batch, steps, layer.units)) for layer in graph.recurrent if layer.name in keep_hidden}
    for t in range(steps):
        value = values[:, t]
        for layer in graph.layers:
            value = _layer_step(layer, value, states.get(layer.name), listen)
            if layer.name in hidden:
                hidden[layer.name][:, t] = value
        outputs[:, t] = value
    return ForwardResult(outputs, hidden)
