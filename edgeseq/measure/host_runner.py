"""The exported C, compiled for this machine and called in-process."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeseq.errors import EmulationError
from edgeseq.export.c import CProject


class HostModel:
    """One stream of a model in a shared library that `build_host_library` made."""

    def __init__(self, project: CProject, library: Path) -> None:
        self.project = project
        self._library = ctypes.CDLL(str(library))
        # Room for carry and scratch with any padding the compiler may choose.
        self._state = ctypes.create_string_buffer(project.state_bytes + project.scratch_bytes + 64)
        self._call("init", self._state)

    def reset(self) -> None:
        """Start a new stream."""
        self._call("reset", self._state)

    def step(self, x: npt.NDArray[np.integer]) -> npt.NDArray[np.int16]:
        """One time step. x: codes (features,); returns int16 (out,)."""
        y = np.empty(self.project.output_size, np.int16)
        frame = np.ascontiguousarray(x, np.dtype(self.project.input_dtype))
        self._call("step", self._state, _pointer(frame), _pointer(y))
        return y

    def run(self, x: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
        """Continue the stream over (steps, features); returns outputs and the carried state after each step."""
        outputs = np.empty((len(x), self.project.output_size), np.int16)
        states = np.empty((len(x), self.project.state_bytes // 2), np.int16)
        for t, frame in enumerate(x):
            outputs[t] = self.step(frame)
            states[t] = self.get_state()
        return outputs, states

    def run_window(self, x: npt.NDArray[np.integer], rows: int) -> npt.NDArray[np.int16]:
        """Reset, then run (steps, features); rows: outputs the model writes (1, or one per step)."""
        y = np.empty((rows, self.project.output_size), np.int16)
        frames = np.ascontiguousarray(x, np.dtype(self.project.input_dtype))
        self._call("run_window", self._state, _pointer(frames), ctypes.c_size_t(len(frames)), _pointer(y))
        return y

    def run_windows(self, x: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
        """Run windows (n, time, features), each from reset, on a model that maps whole windows.

        Returns outputs (n, all values of a window) and what each window leaves in the carried state (n, values).
        """
        outputs = np.empty((len(x), self.project.output_steps * self.project.output_size), np.int16)
        states = np.empty((len(x), self.project.state_bytes // 2), np.int16)
        for index, window in enumerate(x):
            outputs[index] = self.run_window(window, self.project.output_steps).ravel()
            # Such a model has no snapshots; its state struct starts with what it carries.
            states[index] = np.frombuffer(self._state.raw, np.int16, states.shape[1])
        return outputs, states

    def get_state(self) -> npt.NDArray[np.int16]:
        """The stream's snapshot: int16, each layer's hidden then cell state."""
        carry = np.empty(self.project.state_bytes // 2, np.int16)
        self._call("get_state", self._state, _pointer(carry))
        return carry

    def set_state(self, carry: npt.NDArray[np.int16]) -> None:
        """Go on from a snapshot."""
        self._call("set_state", self._state, _pointer(np.ascontiguousarray(carry, np.int16)))

    def quantize_input(self, raw: npt.NDArray[np.float32]) -> npt.NDArray[np.integer]:
        """The optional float helper. raw: (features,) in raw units."""
        x = np.empty(self.project.input_size, np.dtype(self.project.input_dtype))
        function = getattr(self._library, f"{self.project.name}_quantize_input")
        function(_pointer(np.ascontiguousarray(raw, np.float32)), _pointer(x))
        return x

    def dequantize_output(self, y: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
        """The optional float helper: real values, or probabilities after a softmax."""
        real = np.empty(self.project.output_size, np.float32)
        function = getattr(self._library, f"{self.project.name}_dequantize_output")
        function(_pointer(np.ascontiguousarray(y, np.int16)), _pointer(real))
        return real

    def _call(self, function: str, *arguments: object) -> None:
        status = getattr(self._library, f"{self.project.name}_{function}")(*arguments)
        if status != 0:
            raise EmulationError(f"{self.project.name}_{function} returned {status}")


def _pointer(array: npt.NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
