"""Bit-exact integer execution of a QuantGraph, vectorised over a batch of streams."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.errors import DataError
from edgeseq.graph.reference import softmax
from edgeseq.quantize.types import QuantGraph, QuantInput
from edgeseq.simulate.runners import Int, make_runners

Codes: TypeAlias = npt.NDArray[np.int8] | npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class OracleRun:
    """outputs: int16 (batch, time, out). states: int16 (batch, time, all state values), layer by layer, hidden then cell.

    Of a window model: outputs of one step where a layer leaves one; states in the order in which each layer ran.
    """

    outputs: npt.NDArray[np.int16]
    states: npt.NDArray[np.int16] | None = field(default=None)


class Oracle:
    """Runs a QuantGraph on input codes; keeps state between calls like the C code does.

    A model that needs whole windows starts each one from a zero state instead.
    """

    def __init__(self, graph: QuantGraph, batch: int = 1) -> None:
        self.graph = graph
        self.batch = batch
        self._runners = make_runners(graph.layers, batch, graph.input.zero_point)
        self._time = 1

    def reset(self) -> None:
        """Set every state to zero."""
        for runner in self._runners:
            runner.reset()

    def step(self, x: npt.NDArray[np.integer]) -> Int:
        """Advance one time step. x: input codes (batch, features); returns int16 values (batch, out).

        Raises DataError for a model that needs a whole window.
        """
        if self.graph.window_reason is not None:
            raise DataError(
                f"model {self.graph.name!r} has no single steps: {self.graph.window_reason}. "
                f"Run whole windows of {self.graph.window_steps} time steps"
            )
        return self._forward(x[:, None].astype(np.int32))[:, 0]

    def run(self, x: npt.NDArray[np.integer], *, keep_states: bool = False) -> OracleRun:
        """Advance over (batch, time, features); the state continues from the last call, or a window starts from zero."""
        batch, time, features = x.shape
        steps = self.graph.window_steps
        if batch != self.batch or features != self.graph.input_size or time != (steps or time):
            raise DataError(f"input {x.shape}; expected ({self.batch}, {steps or 'time'}, {self.graph.input_size})")
        if steps is not None:
            self.reset()
        outputs = self._forward(x.astype(np.int32)).astype(np.int16)
        return OracleRun(outputs, self._carried() if keep_states else None)

    def state_vector(self) -> npt.NDArray[np.int16]:
        """All carried values (batch, n) after the last step: the C snapshot has this order."""
        return self._carried()[:, -1]

    def restore(self, snapshot: npt.NDArray[np.integer]) -> None:
        """Go on from what `state_vector`, or the C code's get_state, gave; (batch, n)."""
        rest: Int = snapshot.astype(np.int32)
        for runner in self._runners:
            rest = runner.restore(rest)
        if rest.shape[1] != 0 or len(snapshot) != self.batch:
            raise DataError(f"a snapshot of shape {snapshot.shape} does not fit this model and a batch of {self.batch}")

    def _forward(self, value: Int) -> Int:
        self._time = value.shape[1]
        for runner in self._runners:
            value = runner.run(value)
        return value

    def _carried(self) -> npt.NDArray[np.int16]:
        parts = [part for runner in self._runners for part in runner.carried()]
        # A model may carry nothing.
        return np.concatenate(parts or [np.empty((self.batch, self._time, 0), np.int32)], axis=2).astype(np.int16)


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
