"""Flash, RAM, stack, instructions and cycles of one model on one target."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeseq.export.c import CProject, export_c
from edgeseq.firmware import build_firmware, find_toolchain
from edgeseq.firmware.image import Image, read_image
from edgeseq.firmware.toolchain import CompilerName, Toolchain
from edgeseq.measure.cycles import model_cycles
from edgeseq.measure.frames import encode_frames
from edgeseq.measure.hosted import profile_hosted
from edgeseq.measure.measurement import Cycles, Measurement, Window
from edgeseq.measure.runner import run_image
from edgeseq.measure.trace import EmulatedRun, count_instructions
from edgeseq.quantize.types import QuantGraph
from edgeseq.targets import Board, Core, HostedTarget, Optimize, resolve_target

WARM_UP_STEPS, COUNTED_STEPS = 16, 48


def profile(
    graph: QuantGraph,
    target: str | Core | HostedTarget | Board,
    *,
    compiler: CompilerName = "zig",
    optimize: Optimize = "speed",
    inputs: npt.NDArray[np.integer] | None = None,
    project: CProject | None = None,
) -> Measurement:
    """Build, emulate and measure one model on one target.

    inputs: codes (steps >= 17, features) to run; default is seeded noise over all codes. Counting
    starts after the first 16 steps; up to 48 more are averaged. Of a model that maps whole windows, counting
    starts after the first window, windows of at least 48 steps in all are averaged, and a step's figures are a
    window's divided by its steps; inputs are cut into windows. A board's figures are its core's, with time and energy.
    """
    core, board = _resolve(target)
    project = project or export_c(graph, kernel_set=core.kernels(optimize))
    stream, warm_up = _stream(graph, inputs)
    if isinstance(core, HostedTarget):
        return profile_hosted(graph, project, core, stream, compiler=compiler, optimize=optimize, warm_up=warm_up)
    toolchain = find_toolchain(core, compiler)
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        folder = Path(scratch)
        firmware = build_firmware(project, core, toolchain, folder / "model", optimize=optimize)
        image = read_image(firmware.elf)
        run = run_image(firmware, encode_frames(stream, np.zeros(len(stream), np.bool_)), count_after=warm_up)
    calls, instructions, cycles = _totals(run, image, core)
    steps, window = calls, None
    if graph.window_steps is not None:
        steps = calls * graph.window_steps
        window = Window(graph.window_steps, round(instructions / calls), round(cycles / calls))
    model_bytes = image.model_bytes(project.name)
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
        flash_code_bytes=image.flash_bytes - _empty_bytes(core, toolchain, optimize) - model_bytes,
        flash_image_bytes=image.flash_bytes,
        ram_state_bytes=project.state_bytes,
        ram_scratch_bytes=project.scratch_bytes,
        ram_stack_bytes=run.stack_bytes,
        ram_image_bytes=image.static_ram_bytes + run.stack_bytes,
        window=window,
        board=board,
    )


def _resolve(target: str | Core | HostedTarget | Board) -> tuple[Core | HostedTarget, Board | None]:
    if isinstance(target, str):
        return resolve_target(target)
    return (target.core, target) if isinstance(target, Board) else (target, None)


@functools.cache
def _empty_bytes(core: Core, toolchain: Toolchain, optimize: Optimize) -> int:
    """Flash of an image without a model, of the same flags."""
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        return read_image(build_firmware(None, core, toolchain, Path(scratch), optimize=optimize).elf).flash_bytes


def _totals(run: EmulatedRun, image: Image, core: Core) -> tuple[int, int, float]:
    """Return (calls, instructions, cycles) of the counted calls: the emulator's own, or from its block trace."""
    if run.totals is not None:
        return run.totals.steps, run.totals.instructions, run.totals.cycles
    assert run.trace is not None  # count_after was given
    instructions = count_instructions(run.trace.blocks, image, core.isa)
    if core.cycle_table is not None:
        return run.trace.steps, instructions, model_cycles(run.trace, image, core.cycle_table)
    assert core.cycles_per_instruction is not None  # only an emulator that counts cycles does without
    return run.trace.steps, instructions, instructions * core.cycles_per_instruction


def _stream(graph: QuantGraph, inputs: npt.NDArray[np.integer] | None) -> tuple[npt.NDArray[np.integer], int]:
    """Return the codes that the app reads, a frame a row, and how many frames come before the counted ones."""
    steps = WARM_UP_STEPS + COUNTED_STEPS
    window = graph.window_steps
    if window is not None:
        windows = 1 + -(-COUNTED_STEPS // window)
        given = None if inputs is None else inputs[: len(inputs) // window * window].reshape(-1, window * graph.input_size)
        if given is not None and len(given) > 1:
            return given[:windows], 1
        return _noise(graph, windows, window * graph.input_size), 1
    if inputs is not None and len(inputs) > WARM_UP_STEPS:
        return inputs[:steps], WARM_UP_STEPS
    return _noise(graph, steps, graph.input_size), WARM_UP_STEPS


def _noise(graph: QuantGraph, rows: int, columns: int) -> npt.NDArray[np.integer]:
    low, high = graph.input.code_range
    return np.random.default_rng(0).integers(low, high + 1, (rows, columns)).astype(np.dtype(graph.input.dtype))
