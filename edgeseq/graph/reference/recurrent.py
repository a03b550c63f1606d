"""Recurrent layers in float64.

Equations: Keras' GRU, LSTM and SimpleRNN (Cho et al. 2014, Hochreiter and
Schmidhuber 1997, Elman 1990).
"""

from __future__ import annotations

import numpy as np

from edgeseq.graph.layers import FloatArray, Gru, Lstm, SimpleRnn
from edgeseq.graph.reference.activations import sigmoid
from edgeseq.graph.reference.listener import Listener, silent


def gru_step(layer: Gru, x: FloatArray, h: FloatArray, listen: Listener = silent) -> FloatArray:
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
    layer: Lstm, x: FloatArray, h: FloatArray, c: FloatArray, listen: Listener = silent
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


def simple_rnn_step(layer: SimpleRnn, x: FloatArray, h: FloatArray, listen: Listener = silent) -> FloatArray:
    """Return the next hidden state; x: (batch, inputs), h: (batch, units)."""
    listen(layer.name, "x", x)
    listen(layer.name, "h", h)
    from_input = x @ layer.kernel + layer.bias
    from_state = h @ layer.recurrent_kernel
    listen(layer.name, "input_part", from_input)
    listen(layer.name, "recurrent_part", from_state)
    return np.tanh(from_input + from_state)


def gru(layer: Gru, x: FloatArray, listen: Listener) -> FloatArray:
    """Hidden states of a window that starts from zero."""
    h, states = _zeros(layer.units, x)
    for t in range(x.shape[1]):
        states[:, t] = h = gru_step(layer, x[:, t], h, listen)
    return states


def lstm(layer: Lstm, x: FloatArray, listen: Listener) -> FloatArray:
    """Hidden states of a window that starts from zero."""
    h, states = _zeros(layer.units, x)
    c = h
    for t in range(x.shape[1]):
        h, c = lstm_step(layer, x[:, t], h, c, listen)
        states[:, t] = h
    return states


def simple_rnn(layer: SimpleRnn, x: FloatArray, listen: Listener) -> FloatArray:
    """Hidden states of a window that starts from zero."""
    h, states = _zeros(layer.units, x)
    for t in range(x.shape[1]):
        states[:, t] = h = simple_rnn_step(layer, x[:, t], h, listen)
    return states


def _zeros(units: int, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The reset state, and room for the states of all steps."""
    batch, steps, _ = x.shape
    return np.zeros((batch, units)), np.empty((batch, steps, units))
