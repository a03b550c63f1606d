"""What a float layer's tensors reach over calibration windows. Importing this module imports Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeseq.arith.matmul import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class RecurrentRun:
    """A recurrent layer over windows.

    states: (batch, time, units); parts: largest magnitude of what the input or the state adds to a pre-activation;
    cell: largest LSTM cell, 0 without one.
    """

    states: FloatArray
    parts: float
    cell: float


def sigmoid(value: FloatArray) -> FloatArray:
    """Logistic function; tanh does not overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * value)


def run_recurrent(layer: Any, x: FloatArray) -> RecurrentRun:
    """Run a Keras GRU, LSTM or SimpleRNN step by step; x: (batch, time, inputs).

    The steps are Keras' own; only the parts of the pre-activation, which Keras keeps to itself, are formed here.
    """
    kernel, recurrent = (np.asarray(w, np.float64) for w in (layer.cell.kernel, layer.cell.recurrent_kernel))
    bias = np.zeros(kernel.shape[1]) if layer.cell.bias is None else np.asarray(layer.cell.bias, np.float64)
    input_bias, recurrent_bias = bias if bias.ndim == 2 else (bias, np.zeros(kernel.shape[1]))
    gated = getattr(layer.cell, "reset_after", True) is False
    carried = [np.zeros((len(x), units), np.float32) for units in np.atleast_1d(layer.cell.state_size)]
    states = np.empty((*x.shape[:2], layer.units))
    parts = cell = 0.0
    for t in range(x.shape[1]):
        from_input, from_state = x[:, t] @ kernel + input_bias, carried[0] @ recurrent + recurrent_bias
        if gated:
            rows = slice(layer.units, 2 * layer.units)
            reset = sigmoid(from_input[:, rows] + from_state[:, rows])
            from_state[:, 2 * layer.units :] = (reset * carried[0]) @ recurrent[:, 2 * layer.units :]
        parts = max(parts, float(np.abs(from_input).max()), float(np.abs(from_state).max()))
        _, after = layer.cell(x[:, t].astype(np.float32), list(carried))
        carried = [np.asarray(value) for value in (after if isinstance(after, list | tuple) else [after])]
        states[:, t] = carried[0]
        cell = max([cell, *(float(np.abs(value).max()) for value in carried[1:])])
    return RecurrentRun(states, parts, cell)
