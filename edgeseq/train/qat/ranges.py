"""What a float layer's tensors reach over calibration windows. Importing this module imports Keras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeseq.arith.matmul import FloatArray
from edgeseq.arith.rounding import Moments, MomentSum
from edgeseq.train.qat.cells import UNBOUNDED, Blocks, blocks_of


@dataclass(frozen=True, slots=True, eq=False)
class RecurrentRun:
    """A recurrent layer over windows.

    states: (batch, time, units); parts: largest magnitude of what the input or the state adds to a curve's argument;
    candidate: of what enters or leaves a relu or linear candidate; cell: of an LSTM's cell; ranks: of what lies between
    the factors of input and recurrent matrix. 0 where there is no such thing. reads: statistics of what each matrix
    multiplies: x, h, candidate (where a gate goes before the recurrent matrix's last rows), x_rank, h_rank.
    """

    states: FloatArray
    parts: float
    candidate: float
    cell: float
    ranks: tuple[float, float]
    reads: dict[str, Moments]

    @property
    def state(self) -> float:
        """Largest magnitude of the state."""
        return float(np.abs(self.states).max())


@dataclass(slots=True)
class _Reach:
    """Largest magnitudes so far."""

    blocks: Blocks
    parts: float = 0.0
    candidate: float = 0.0
    cell: float = 0.0
    ranks: list[float] = field(default_factory=lambda: [0.0, 0.0])
    reads: dict[str, MomentSum] = field(default_factory=dict)

    def read(self, what: str, value: FloatArray) -> None:
        """Hear what a matrix multiplies, (batch, columns)."""
        self.reads.setdefault(what, MomentSum(value.shape[1])).add(value)

    def unbounded(self, value: FloatArray) -> None:
        """Hear the arguments of all functions, (batch, rows): of relu and linear ones they may be the results."""
        for at, piece in enumerate(np.split(value, len(self.blocks.functions), axis=1)):
            if self.blocks.functions[at] in UNBOUNDED:
                self.candidate = max(self.candidate, float(np.abs(piece).max()))

    def rows(self, value: FloatArray) -> None:
        """Hear what is added to all row blocks, (batch, rows)."""
        for at, piece in enumerate(np.split(value, len(self.blocks.functions), axis=1)):
            largest = float(np.abs(piece).max())
            if self.blocks.functions[at] in UNBOUNDED:
                self.candidate = max(self.candidate, largest)
            else:
                self.parts = max(self.parts, largest)


def sigmoid(value: FloatArray) -> FloatArray:
    """Logistic function; tanh does not overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * value)


def run_recurrent(layer: Any, x: FloatArray) -> RecurrentRun:
    """Run a Keras recurrent layer step by step; x: (batch, time, inputs).

    The steps are those of its cell; only the parts of the pre-activation, which it keeps to itself, are formed here.
    """
    reach = _Reach(blocks_of(layer))
    hear = _PARTS.get(type(layer).__name__, _pair)(layer, reach)
    carried = [np.zeros((len(x), units), np.float32) for units in np.atleast_1d(layer.cell.state_size)]
    states = np.empty((*x.shape[:2], layer.units))
    for t in range(x.shape[1]):
        entering, state = x[:, t], carried[0].astype(np.float64)
        reach.read("x", entering)
        reach.read("h", state)
        hear(entering, state)
        _, after = layer.cell(x[:, t].astype(np.float32), list(carried))
        carried = [np.asarray(value) for value in (after if isinstance(after, list | tuple) else [after])]
        states[:, t] = carried[0]
        reach.cell = max([reach.cell, *(float(np.abs(value).max()) for value in carried[1:])])
    reads = {what: total.moments() for what, total in reach.reads.items()}
    return RecurrentRun(states, reach.parts, reach.candidate, reach.cell, (reach.ranks[0], reach.ranks[1]), reads)


# (input, state) of one step, which a _Reach then has heard
_Hear = Callable[[FloatArray, FloatArray], None]


def _arrays(*weights: Any) -> list[FloatArray]:
    return [np.asarray(weight, np.float64) for weight in weights]


def _bias(cell: Any, rows: int) -> FloatArray:
    return np.zeros(rows) if cell.bias is None else np.asarray(cell.bias, np.float64)


def _pair(layer: Any, reach: _Reach) -> _Hear:
    """GRU, LSTM, SimpleRNN. A GRU with reset_after=False multiplies the state by r before its candidate's product."""
    kernel, recurrent = _arrays(layer.cell.kernel, layer.cell.recurrent_kernel)
    bias = _bias(layer.cell, kernel.shape[1])
    input_bias, recurrent_bias = bias if bias.ndim == 2 else (bias, np.zeros(kernel.shape[1]))
    reset_after = getattr(layer.cell, "reset_after", None)  # None: no such gate
    gate, rest = slice(layer.units, 2 * layer.units), slice(2 * layer.units, None)

    def hear(x: FloatArray, h: FloatArray) -> None:
        from_input, from_state = x @ kernel + input_bias, h @ recurrent + recurrent_bias
        added = from_state.copy()
        if reset_after is not None:
            argument = (from_input[:, gate] + from_state[:, gate]).astype(np.float32)
            reset = np.asarray(layer.cell.recurrent_activation(argument), np.float64)
            if not reset_after:
                reach.read("candidate", reset * h)
                from_state[:, rest] = (reset * h) @ recurrent[:, rest]
            added[:, rest] = reset * from_state[:, rest] if reset_after else from_state[:, rest]
        reach.rows(from_input)
        reach.rows(from_state)
        reach.unbounded(from_input + added)

    return hear


def _mgu(layer: Any, reach: _Reach) -> _Hear:
    kernel, recurrent = _arrays(layer.cell.kernel, layer.cell.recurrent_kernel)
    bias, units = _bias(layer.cell, kernel.shape[1]), layer.units

    def hear(x: FloatArray, h: FloatArray) -> None:
        from_input = x @ kernel + bias
        gate = h @ recurrent[:, :units]
        kept = sigmoid(from_input[:, :units] + gate) * h
        reach.read("candidate", kept)
        reach.rows(from_input)
        reach.rows(np.concatenate([gate, kept @ recurrent[:, units:]], axis=1))

    return hear


def _min_gru(layer: Any, reach: _Reach) -> _Hear:
    (kernel,) = _arrays(layer.cell.kernel)
    bias = _bias(layer.cell, kernel.shape[1])
    return lambda x, _: reach.rows(x @ kernel + bias)


def _fast_grnn(layer: Any, reach: _Reach) -> _Hear:
    """The sum is at the scale of its parts, and so is what the candidate adds to it."""
    cell = layer.cell
    kernels, recurrent = _arrays(*cell.kernels), _arrays(*cell.recurrent_kernels)
    bias = np.zeros((2, layer.units)) if cell.bias is None else np.asarray(cell.bias, np.float64)

    def through(at: int, value: FloatArray, matrices: list[FloatArray]) -> FloatArray:
        for matrix in matrices[:-1]:
            value = value @ matrix
            reach.read(("x_rank", "h_rank")[at], value)
            reach.ranks[at] = max(reach.ranks[at], float(np.abs(value).max()))
        return value @ matrices[-1]

    def hear(x: FloatArray, h: FloatArray) -> None:
        from_input, from_state = through(0, x, kernels) + bias[0], through(1, h, recurrent)
        total = from_input + from_state
        for part in (from_input, from_state, total, total + bias[1] - bias[0]):
            reach.rows(part)

    return hear


_PARTS: dict[str, Callable[[Any, _Reach], _Hear]] = {"MGU": _mgu, "MinGRU": _min_gru, "FastGRNN": _fast_grnn}
