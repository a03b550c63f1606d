"""Flash, RAM, stack, instructions and cycles of one model on one core."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeseq.export.c import CProject, export_c
from edgeseq.firmware import build_firmware, find_toolchain
from edgeseq.firmware.image import read_image
from edgeseq.firmware.toolchain import CompilerName, Optimize
from edgeseq.measure.cycles import Disassembler, count_instructions, model_cycles
from edgeseq.measure.frames import encode_frames
from edgeseq.measure.unicorn_runner import run_image
from edgeseq.quantize.types import QuantGraph
from edgeseq.targets import Core, HostedTarget, load_target

WARM_UP_STEPS, COUNTED_STEPS = 16, 48


@dataclass(frozen=True, slots=True)
class Cycles:
    """Modelled cycles per step. error_pct is None where the table was not validated for the core."""

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
class Measurement:
    """What one time step costs on a target. Bytes and instructions are exact, cycles are modelled, time is measured.

    None is a figure that cannot be had: no cycle model, no exact stack or no counter for a hosted
    target; no time unless this machine runs the target's code itself.

    flash_model_bytes: weights and tables; flash_code_bytes: what the model's image has beyond
    them and an empty image of the same flags; *_image_bytes: the whole image. ram_image_bytes is
    static RAM plus the deepest stack. A module of WebAssembly: see `hosted_sizes`.
    """

    model: str
    scheme: str
    target: str
    compiler: str
    optimize: Optimize
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


def profile(
    graph: QuantGraph,
    target: str | Core | HostedTarget,
    *,
    compiler: CompilerName = "zig",
    optimize: Optimize = "speed",
    inputs: npt.NDArray[np.integer] | None = None,
    project: CProject | None = None,
) -> Measurement:
    """Build, emulate and measure one model on one core.

    inputs: codes (steps >= 17, features) to run; default is seeded noise over all codes. Counting
    starts after the first 16 steps; up to 48 more are averaged.
    """
    core = load_target(target) if isinstance(target, str) else target
    project = project or export_c(graph)
    stream = _stream(graph, inputs)
    if isinstance(core, HostedTarget):
        from edgeseq.measure.hosted import profile_hosted

        return profile_hosted(graph, project, core, stream, compiler=compiler, optimize=optimize, warm_up=WARM_UP_STEPS)
    toolchain = find_toolchain(core, compiler)
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        folder = Path(scratch)
        firmware = build_firmware(project, core, toolchain, folder / "model", optimize=optimize)
        baseline = read_image(build_firmware(None, core, toolchain, folder / "empty", optimize=optimize).elf)
        image = read_image(firmware.elf)
        run = run_image(firmware, encode_frames(stream, np.zeros(len(stream), np.bool_)), count_after=WARM_UP_STEPS)
    assert run.trace is not None  # count_after was given
    disassembler = Disassembler(image.segments)
    steps = run.trace.steps
    model_bytes = image.object_bytes(f"{project.name}_") + image.object_bytes("es_sigmoid_table")
    cycles = model_cycles(run.trace, disassembler, core.cycle_table) / steps
    return Measurement(
        model=graph.name,
        scheme=graph.scheme,
        target=core.name,
        compiler=toolchain.version,
        optimize=optimize,
        instructions_per_step=round(count_instructions(run.trace, disassembler) / steps),
        macs_per_step=graph.source.macs_per_step,
        cycles_per_step=Cycles(round(cycles), core.cycle_tier, core.cycle_error_pct),
        flash_model_bytes=model_bytes,
        flash_code_bytes=image.flash_bytes - baseline.flash_bytes - model_bytes,
        flash_image_bytes=image.flash_bytes,
        ram_state_bytes=project.state_bytes,
        ram_scratch_bytes=project.scratch_bytes,
        ram_stack_bytes=run.stack_bytes,
        ram_image_bytes=image.static_ram_bytes + run.stack_bytes,
    )


def _stream(graph: QuantGraph, inputs: npt.NDArray[np.integer] | None) -> npt.NDArray[np.integer]:
    steps = WARM_UP_STEPS + COUNTED_STEPS
    if inputs is not None and len(inputs) > WARM_UP_STEPS:
        return inputs[:steps]
    rng = np.random.default_rng(0)
    low, high = graph.input.code_range
    return rng.integers(low, high + 1, (steps, graph.input_size)).astype(np.dtype(graph.input.dtype))
