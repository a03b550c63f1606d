"""Flash, RAM, stack, instructions and cycles of one model on one target."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeseq.export.c import CProject, export_c
from edgeseq.firmware import build_firmware, find_toolchain
from edgeseq.firmware.image import Image, read_image
from edgeseq.firmware.toolchain import CompilerName
from edgeseq.measure.cycles import model_cycles
from edgeseq.measure.frames import encode_frames
from edgeseq.measure.hosted import profile_hosted
from edgeseq.measure.measurement import Cycles, Measurement
from edgeseq.measure.runner import run_image
from edgeseq.measure.trace import EmulatedRun, count_instructions
from edgeseq.quantize.types import QuantGraph
from edgeseq.targets import Core, HostedTarget, Optimize, load_target

WARM_UP_STEPS, COUNTED_STEPS = 16, 48


def profile(
    graph: QuantGraph,
    target: str | Core | HostedTarget,
    *,
    compiler: CompilerName = "zig",
    optimize: Optimize = "speed",
    inputs: npt.NDArray[np.integer] | None = None,
    project: CProject | None = None,
) -> Measurement:
    """Build, emulate and measure one model on one target.

    inputs: codes (steps >= 17, features) to run; default is seeded noise over all codes. Counting
    starts after the first 16 steps; up to 48 more are averaged.
    """
    core = load_target(target) if isinstance(target, str) else target
    project = project or export_c(graph, kernel_set=core.kernels(optimize))
    stream = _stream(graph, inputs)
    if isinstance(core, HostedTarget):
        return profile_hosted(graph, project, core, stream, compiler=compiler, optimize=optimize, warm_up=WARM_UP_STEPS)
    toolchain = find_toolchain(core, compiler)
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        folder = Path(scratch)
        firmware = build_firmware(project, core, toolchain, folder / "model", optimize=optimize)
        baseline = read_image(build_firmware(None, core, toolchain, folder / "empty", optimize=optimize).elf)
        image = read_image(firmware.elf)
        run = run_image(firmware, encode_frames(stream, np.zeros(len(stream), np.bool_)), count_after=WARM_UP_STEPS)
    steps, instructions, cycles = _totals(run, image, core)
    model_bytes = image.object_bytes(f"{project.name}_") + image.object_bytes("es_sigmoid_table")
    return Measurement(
        model=graph.name,
        scheme=graph.scheme,
        target=core.name,
        compiler=toolchain.version,
        optimize=optimize,
        kernel_set=project.kernel_set,
        instructions_per_step=round(instructions / steps),
        macs_per_step=graph.source.macs_per_step,
        cycles_per_step=Cycles(round(cycles / steps), core.cycle_tier, core.cycle_error_pct),
        flash_model_bytes=model_bytes,
        flash_code_bytes=image.flash_bytes - baseline.flash_bytes - model_bytes,
        flash_image_bytes=image.flash_bytes,
        ram_state_bytes=project.state_bytes,
        ram_scratch_bytes=project.scratch_bytes,
        ram_stack_bytes=run.stack_bytes,
        ram_image_bytes=image.static_ram_bytes + run.stack_bytes,
    )


def _totals(run: EmulatedRun, image: Image, core: Core) -> tuple[int, int, float]:
    """Return (steps, instructions, cycles) of the counted calls: the emulator's own, or from its block trace."""
    if run.totals is not None:
        return run.totals.steps, run.totals.instructions, run.totals.cycles
    assert run.trace is not None  # count_after was given
    instructions = count_instructions(run.trace.blocks, image, core.isa)
    if core.cycle_table is not None:
        return run.trace.steps, instructions, model_cycles(run.trace, image, core.cycle_table)
    assert core.cycles_per_instruction is not None  # only an emulator that counts cycles does without
    return run.trace.steps, instructions, instructions * core.cycles_per_instruction


def _stream(graph: QuantGraph, inputs: npt.NDArray[np.integer] | None) -> npt.NDArray[np.integer]:
    steps = WARM_UP_STEPS + COUNTED_STEPS
    if inputs is not None and len(inputs) > WARM_UP_STEPS:
        return inputs[:steps]
    rng = np.random.default_rng(0)
    low, high = graph.input.code_range
    return rng.integers(low, high + 1, (steps, graph.input_size)).astype(np.dtype(graph.input.dtype))
