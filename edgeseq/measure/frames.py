"""The stream that app/stream.c reads and writes: a flag and one time step in, outputs and state out.

Of a model that maps whole windows a frame is a flag and one window; what comes out is all of its outputs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RESET = 1


def encode_frames(x: npt.NDArray[np.integer], reset: npt.NDArray[np.bool_]) -> bytes:
    """x: input codes (frames, values); reset: bool (frames,), start a new stream before that step."""
    flags = np.where(reset, RESET, 0).astype(x.dtype)
    return np.concatenate([flags[:, None], x], axis=1).tobytes()


def decode_outputs(data: bytes, output_size: int, state_size: int) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Return (outputs (frames, out), states (frames, state values)) of a run; output_size: values behind each frame."""
    rows = np.frombuffer(data, "<i2").reshape(-1, output_size + state_size)
    return rows[:, :output_size], rows[:, output_size:]
