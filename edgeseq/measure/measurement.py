"""What one time step costs: the figures that profile finds, each with its label."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseq.measure.on_board import OnBoard, on_board
from edgeseq.targets import Board, Optimize


@dataclass(frozen=True, slots=True)
class Cycles:
    """Cycles per step, modelled or, where the tier says so, simulated. error_pct is None where nothing was validated."""

    value: int
    tier: str
    error_pct: float | None


@dataclass(frozen=True, slots=True)
class HostTime:
    """Measured nanoseconds per step: median, smallest and largest of runs batches of steps steps on a named device."""

    ns: float
    smallest_ns: float
    largest_ns: float
    device: str
    runs: int
    steps: int

    @property
    def spread_pct(self) -> float:
        """Largest minus smallest, in per cent of the median."""
        return 100 * (self.largest_ns - self.smallest_ns) / self.ns


@dataclass(frozen=True, slots=True)
class Window:
    """What one window costs a model that maps whole windows; None as in `Measurement`."""

    steps: int
    instructions: int | None
    cycles: int | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one time step costs on a target. Bytes and instructions are exact, time is measured, cycles as their tier says.

    None is a figure that cannot be had: no cycle model, no exact stack or no counter for a hosted
    target; no time unless this machine runs the target's code itself.

    flash_model_bytes: weights and tables; flash_code_bytes: what the model's image has beyond
    them and an empty image of the same flags; *_image_bytes: the whole image. ram_image_bytes is
    static RAM plus the deepest stack. A module of WebAssembly: see `hosted_sizes`.
    window: for a model that maps whole windows; what is counted per step is then a window's figure divided by
    its steps, and the image's RAM holds the window that the app passes.
    board: whose core it is, if one was named.
    """

    model: str
    scheme: str
    target: str
    compiler: str
    optimize: Optimize
    kernel_set: str
    instructions_per_step: int | None
    macs_per_step: int
    cycles_per_step: Cycles | None
    flash_model_bytes: int
    flash_code_bytes: int
    flash_image_bytes: int
    ram_state_bytes: int
    ram_scratch_bytes: int
    ram_stack_bytes: int | None
    ram_image_bytes: int | None
    time_per_step: HostTime | None = None
    window: Window | None = None
    board: Board | None = None

    @property
    def on_board(self) -> OnBoard | None:
        """Time and energy of one call, a step or a window; None without a board."""
        cycles = self.window.cycles if self.window else self.cycles_per_step.value if self.cycles_per_step else None
        return None if self.board is None or cycles is None else on_board(self.board, cycles)
