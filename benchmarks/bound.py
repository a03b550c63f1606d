"""The accuracy bound that a scheme with int8 weights and int8 matmul inputs can reach.

int8 weights per row of each matrix, 8-bit x and 8-bit h into the matrix products,
everything else (sums, gates, state) in float64.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from edgeseq.graph import Gru, Lstm
from edgeseq.graph.reference import sigmoid

Array = npt.NDArray[np.float64]


def round_rows(kernel: Array) -> Array:
    """Round a Keras kernel (inputs, rows) to 127 steps per row."""
    step = np.maximum(np.abs(kernel).max(axis=0), 1e-30) / 127
    return np.round(kernel / step) * step


def hidden_bound(layer: Gru | Lstm, x: Array) -> Array:
    """Hidden states (batch, time, units) of the bound; x: (batch, time, inputs), already rounded to 8 bits."""
    rounded = dataclasses.replace(layer, kernel=round_rows(layer.kernel), recurrent_kernel=round_rows(layer.recurrent_kernel))
    units = layer.units
    h = c = np.zeros((len(x), units))
    states = np.empty((*x.shape[:2], units))
    for t in range(x.shape[1]):
        narrow = np.clip(np.round(h * 128), -128, 127) / 128
        if isinstance(rounded, Gru):
            from_input = x[:, t] @ rounded.kernel + rounded.bias[0]
            from_state = narrow @ rounded.recurrent_kernel + rounded.bias[1]
            gates = sigmoid(from_input[:, : 2 * units] + from_state[:, : 2 * units])
            z, r = gates[:, :units], gates[:, units:]
            candidate = np.tanh(from_input[:, 2 * units :] + r * from_state[:, 2 * units :])
            h = z * h + (1 - z) * candidate
        else:
            total = x[:, t] @ rounded.kernel + narrow @ rounded.recurrent_kernel + rounded.bias
            i, f, o = (sigmoid(total[:, n * units : (n + 1) * units]) for n in (0, 1, 3))
            c = f * c + i * np.tanh(total[:, 2 * units : 3 * units])
            h = o * np.tanh(c)
        states[:, t] = h
    return states
