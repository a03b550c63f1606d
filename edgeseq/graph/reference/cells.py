"""Compact recurrent layers in float64. Equations: `edgeseq.graph.cells`."""

from __future__ import annotations

import numpy as np

from edgeseq.graph.cells import FastGrnn, Mgu, MinGru
from edgeseq.graph.layers import FloatArray
from edgeseq.graph.reference.activations import sigmoid
from edgeseq.graph.reference.listener import Listener, silent
from edgeseq.graph.reference.recurrent import hear_parts, zeros


def mgu_step(layer: Mgu, x: FloatArray, h: FloatArray, listen: Listener = silent) -> FloatArray:
    """Return the next hidden state; x: (batch, inputs), h: (batch, units)."""
    units = layer.units
    listen(layer.name, "x", x)
    listen(layer.name, "h", h)
    from_input = x @ layer.kernel + layer.bias
    gate_from_state = h @ layer.recurrent_kernel[:, :units]
    f = sigmoid(from_input[:, :units] + gate_from_state)
    listen(layer.name, "gated_h", f * h)
    candidate_from_state = (f * h) @ layer.recurrent_kernel[:, units:]
    hear_parts(layer, listen, "input_part", from_input)
    hear_parts(layer, listen, "recurrent_part", np.concatenate([gate_from_state, candidate_from_state], axis=1))
    candidate = np.tanh(from_input[:, units:] + candidate_from_state)
    return np.asarray((1.0 - f) * h + f * candidate, dtype=np.float64)


def mgu(layer: Mgu, x: FloatArray, listen: Listener) -> FloatArray:
    """Hidden states of a window that starts from zero."""
    h, states = zeros(layer.units, x)
    for t in range(x.shape[1]):
        states[:, t] = h = mgu_step(layer, x[:, t], h, listen)
    return states


def min_gru(layer: MinGru, x: FloatArray, listen: Listener) -> FloatArray:
    """Hidden states of a window that starts from zero."""
    h, states = zeros(layer.units, x)
    listen(layer.name, "x", x)
    from_input = x @ layer.kernel + layer.bias
    hear_parts(layer, listen, "input_part", from_input.reshape(-1, from_input.shape[-1]))
    z, candidate = sigmoid(from_input[..., : layer.units]), from_input[..., layer.units :]
    for t in range(x.shape[1]):
        states[:, t] = h = (1.0 - z[:, t]) * h + z[:, t] * candidate[:, t]
    listen(layer.name, "state", states)
    return states


def fast_grnn_step(layer: FastGrnn, x: FloatArray, h: FloatArray, listen: Listener = silent) -> FloatArray:
    """Return the next hidden state; x: (batch, inputs), h: (batch, units)."""
    from_input = _product(layer.name, "x", x, layer.kernels, listen) + layer.bias[0]
    from_state = _product(layer.name, "h", h, layer.recurrent_kernels, listen)
    total = from_input + from_state
    other = total + (layer.bias[1] - layer.bias[0])
    listen(layer.name, "input_part", from_input)
    for part in (from_state, total, other):
        listen(layer.name, "recurrent_part", part)
    z, candidate = sigmoid(total), np.tanh(other)
    new_h = np.asarray(z * h + (layer.zeta * (1.0 - z) + layer.nu) * candidate, dtype=np.float64)
    listen(layer.name, "state", new_h)
    return new_h


def fast_grnn(layer: FastGrnn, x: FloatArray, listen: Listener) -> FloatArray:
    """Hidden states of a window that starts from zero."""
    h, states = zeros(layer.units, x)
    for t in range(x.shape[1]):
        states[:, t] = h = fast_grnn_step(layer, x[:, t], h, listen)
    return states


def _product(name: str, tensor: str, value: FloatArray, kernels: tuple[FloatArray, ...], listen: Listener) -> FloatArray:
    """Value times the matrix, or times its factors; what lies between them is a matmul input of its own."""
    listen(name, tensor, value)
    for kernel in kernels[:-1]:
        value = value @ kernel
        listen(name, f"{tensor}_rank", value)
        listen(name, f"{tensor}_rank_reach", value)
    return value @ kernels[-1]
