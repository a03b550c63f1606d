"""The stream that app/stream.c reads and writes: a flag and one time step in, outputs and state out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RESET = 1


def encode_frames(x: npt.NDArray[np.integer], reset: npt.NDArray[np.bool_]) -> bytes:
    """x: input codes (steps, features); reset: bool (steps,), start a new stream before that step."""
    flags = np.where(reset, RESET, 0).astype(x.dtype)
    return np.concatenate([flags[:, None], x], axis=1).tobytes()


def decode_outputs(data: bytes, output_size: int, state_size: int) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Return (outputs (steps, out), states (steps, state values)) of a run."""
    rows = np.frombuffer(data, "<i2").reshape(-1, output_size + state_size)
    return rows[:, :output_size], rows[:, output_size:]
