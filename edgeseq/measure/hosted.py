"""Output, size, instructions and time of a model on a hosted target."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeseq.errors import EmulationError
from edgeseq.export.c import CProject
from edgeseq.firmware.hosted import HostedImage, build_hosted, hosted_sizes, hosted_toolchain
from edgeseq.firmware.toolchain import CompilerName
from edgeseq.measure.frames import encode_frames
from edgeseq.measure.measurement import HostTime, Measurement, Window
from edgeseq.measure.process_runner import count_steps, device_name, run_process, runs_natively
from edgeseq.measure.wasm_runner import node_version, run_module
from edgeseq.quantize.types import QuantGraph
from edgeseq.targets import HostedTarget, Optimize


def run_hosted(image: HostedImage, source: bytes) -> bytes:
    """Run an image over frames (see measure/frames.py); returns what it wrote. Raises EmulationError."""
    return run_module(image, source) if image.target.runner == "node" else run_process(image, source)


def profile_hosted(
    graph: QuantGraph,
    project: CProject,
    target: HostedTarget,
    stream: npt.NDArray[np.integer],
    *,
    compiler: CompilerName,
    optimize: Optimize,
    warm_up: int,
) -> Measurement:
    """Measure one model on one hosted target over input codes, one row for each frame.

    Instructions are the mean over the frames after warm_up. Time is measured where this machine
    runs the target's code itself; emulated time would mean nothing.
    """
    toolchain = hosted_toolchain(target, compiler)
    steps = graph.window_steps
    frames = encode_frames(stream, np.zeros(len(stream), np.bool_))
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        folder = Path(scratch)
        image = build_hosted(project, target, toolchain, folder / "model", optimize=optimize)
        instructions = None
        if target.runner == "node":
            baseline = None
            time = _parse_time(run_module(image, frames, "bench"), f"{node_version()}, {device_name()}")
        else:
            baseline = build_hosted(None, target, toolchain, folder / "empty", optimize=optimize, app="empty")
            counts = count_steps(image, frames)
            instructions = float(np.mean(counts.steps[warm_up:])) if counts else None
            time = None
            if runs_natively(target):
                bench = build_hosted(project, target, toolchain, folder / "bench", optimize=optimize, app="bench")
                time = _parse_time(run_process(bench, frames), device_name())
        sizes = hosted_sizes(image, project, baseline)
    return Measurement(
        model=graph.name,
        scheme=graph.scheme,
        target=target.name,
        compiler=toolchain.version,
        optimize=optimize,
        kernel_set=project.kernel_set,
        instructions_per_step=None if instructions is None else round(instructions / (steps or 1)),
        macs_per_step=graph.source.macs_per_step,
        cycles_per_step=None,
        flash_model_bytes=sizes.model_bytes,
        flash_code_bytes=sizes.code_bytes,
        flash_image_bytes=sizes.image_bytes,
        ram_state_bytes=project.state_bytes,
        ram_scratch_bytes=project.scratch_bytes,
        ram_stack_bytes=None,
        ram_image_bytes=None,
        time_per_step=time,
        window=None if steps is None else Window(steps, None if instructions is None else round(instructions), None),
    )


def _parse_time(line: bytes, device: str) -> HostTime:
    """The one line that app/bench.c and run_stream.mjs write."""
    try:
        median, smallest, largest, batches, steps = line.split()
        return HostTime(float(median), float(smallest), float(largest), device, int(batches), int(steps))
    except ValueError as error:
        raise EmulationError(f"the timing program wrote {line[:80]!r}") from error
