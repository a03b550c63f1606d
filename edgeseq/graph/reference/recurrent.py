"""Recurrent layers in float64.

Equations: Keras' GRU, LSTM and SimpleRNN (Cho et al. 2014, Hochreiter and
Schmidhuber 1997, Elman 1990). The compact cells are in `cells`.
"""

from __future__ import annotations

import numpy as np

from edgeseq.graph.layers import UNBOUNDED, FloatArray, Gru, Lstm, Recurrent, SimpleRnn
from edgeseq.graph.reference.activations import activate
from edgeseq.graph.reference.listener import Listener, silent


def hear_parts(layer: Recurrent, listen: Listener, part: str, value: FloatArray) -> None:
    """Tell calibration of what enters each gate's function: as `part` if that is a curve, else by the gate's own name.

    value: (batch, gates * units). An empty part: curves are of no interest, since the value is their result.
    """
    for gate, function in enumerate(layer.functions):
        piece = value[:, gate * layer.units : (gate + 1) * layer.units]
        if function in UNBOUNDED:
            part_of = "candidate_part" if gate == layer.candidate else "gate_part"
            listen(layer.name, part_of, piece)
        elif part:
            listen(layer.name, part, piece)


def gru_step(layer: Gru, x: FloatArray, h: FloatArray, listen: Listener = silent) -> FloatArray:
    """Return the next hidden state; x: (batch, inputs), h: (batch, units)."""
    units = layer.units
    listen(layer.name, "x", x)
    listen(layer.name, "h", h)
    from_input = x @ layer.kernel + layer.bias[0]
    gates_from_state = h @ layer.recurrent_kernel[:, : 2 * units] + layer.bias[1, : 2 * units]
    gates = activate(layer.recurrent_activation, from_input[:, : 2 * units] + gates_from_state)
    z, r = gates[:, :units], gates[:, units:]
    candidate_kernel, candidate_bias = layer.recurrent_kernel[:, 2 * units :], layer.bias[1, 2 * units :]
    if layer.reset_after:
        candidate_from_state = h @ candidate_kernel + candidate_bias
        hear_parts(layer, listen, "recurrent_part", np.concatenate([gates_from_state, candidate_from_state], axis=1))
        candidate_from_state = r * candidate_from_state
    else:
        listen(layer.name, "gated_h", r * h)
        candidate_from_state = (r * h) @ candidate_kernel + candidate_bias
        hear_parts(layer, listen, "recurrent_part", np.concatenate([gates_from_state, candidate_from_state], axis=1))
    hear_parts(layer, listen, "input_part", from_input)
    candidate = activate(layer.activation, from_input[:, 2 * units :] + candidate_from_state)
    hear_parts(layer, listen, "", np.concatenate([z, r, candidate], axis=1))
    new_h = np.asarray(z * h + (1.0 - z) * candidate, dtype=np.float64)
    listen(layer.name, "state", new_h)
    return new_h


def lstm_step(
    layer: Lstm, x: FloatArray, h: FloatArray, c: FloatArray, listen: Listener = silent
) -> tuple[FloatArray, FloatArray]:
    """Return the next (hidden, cell) state; x: (batch, inputs), h and c: (batch, units)."""
    units = layer.units
    listen(layer.name, "x", x)
    listen(layer.name, "h", h)
    from_input = x @ layer.kernel + layer.bias
    from_state = h @ layer.recurrent_kernel
    hear_parts(layer, listen, "input_part", from_input)
    hear_parts(layer, listen, "recurrent_part", from_state)
    i, f, g, o = (
        activate(function, from_input[:, rows] + from_state[:, rows])
        for function, rows in zip(layer.functions, _blocks(units, 4), strict=True)
    )
    hear_parts(layer, listen, "", np.concatenate([i, f, g, o], axis=1))
    cell = np.asarray(f * c + i * g, dtype=np.float64)
    listen(layer.name, "cell", cell)
    new_h = np.asarray(o * activate(layer.activation, cell), dtype=np.float64)
    listen(layer.name, "state", new_h)
    return new_h, cell


def simple_rnn_step(layer: SimpleRnn, x: FloatArray, h: FloatArray, listen: Listener = silent) -> FloatArray:
    """Return the next hidden state; x: (batch, inputs), h: (batch, units)."""
    listen(layer.name, "x", x)
    listen(layer.name, "h", h)
    from_input = x @ layer.kernel + layer.bias
    from_state = h @ layer.recurrent_kernel
    hear_parts(layer, listen, "input_part", from_input)
    hear_parts(layer, listen, "recurrent_part", from_state)
    new_h = activate(layer.activation, from_input + from_state)
    listen(layer.name, "state", new_h)
    return new_h


def gru(layer: Gru, x: FloatArray, listen: Listener) -> FloatArray:
    """Hidden states of a window that starts from zero."""
    h, states = zeros(layer.units, x)
    for t in range(x.shape[1]):
        states[:, t] = h = gru_step(layer, x[:, t], h, listen)
    return states


def lstm(layer: Lstm, x: FloatArray, listen: Listener) -> FloatArray:
    """Hidden states of a window that starts from zero."""
    h, states = zeros(layer.units, x)
    c = h
    for t in range(x.shape[1]):
        h, c = lstm_step(layer, x[:, t], h, c, listen)
        states[:, t] = h
    return states


def simple_rnn(layer: SimpleRnn, x: FloatArray, listen: Listener) -> FloatArray:
    """Hidden states of a window that starts from zero."""
    h, states = zeros(layer.units, x)
    for t in range(x.shape[1]):
        states[:, t] = h = simple_rnn_step(layer, x[:, t], h, listen)
    return states


def _blocks(units: int, count: int) -> list[slice]:
    return [slice(at * units, (at + 1) * units) for at in range(count)]


def zeros(units: int, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The reset state, and room for the states of all steps."""
    batch, steps, _ = x.shape
    return np.zeros((batch, units)), np.empty((batch, steps, units))
