"""Oracle = C on this host = C on emulated cores: every output and every carried state, by ==."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeseq.errors import DataError
from edgeseq.export.c import CProject, export_c
from edgeseq.firmware import build_firmware, build_host_library, find_toolchain
from edgeseq.firmware.hosted import build_hosted, hosted_toolchain
from edgeseq.firmware.toolchain import CompilerName
from edgeseq.graph.reference import forward
from edgeseq.measure.approximation import Approximation
from edgeseq.measure.comparison import Comparison, compare, sqnr_db
from edgeseq.measure.formats import APPROXIMATE, FORMATS, INEXACT
from edgeseq.measure.frames import decode_outputs, encode_frames
from edgeseq.measure.host_runner import HostModel
from edgeseq.measure.hosted import run_hosted
from edgeseq.measure.runner import run_image
from edgeseq.quantize.types import QuantGraph, QuantRecurrent
from edgeseq.simulate import Oracle, OracleRun
from edgeseq.simulate.oracle import dequantize_output, quantize_input
from edgeseq.targets import HostedTarget, Optimize, resolve_target

HOST = "c-host"


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Integers against the float model.

    SQNR in dB, of the states None without recurrent layers; agreement: share of equal arg-max outputs, None for one output.
    """

    state_sqnr_db: float | None
    output_sqnr_db: float
    agreement: float | None


@dataclass(frozen=True, slots=True)
class Inexact:
    """What cannot equal the oracle, and how near it is to the float model over the same steps."""

    name: str
    fidelity: Fidelity


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of `verify`. fidelity: of the oracle. Forms that cannot be exact say nothing of `exact`.

    approximate: those computed in floats, with their error; inexact: those with an arithmetic of integers of their own.
    """

    model: str
    scheme: str
    steps: int
    against: tuple[Comparison, ...]
    fidelity: Fidelity
    approximate: tuple[Approximation, ...] = ()
    inexact: tuple[Inexact, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether every runner that should gave the oracle's integers."""
        return all(comparison.mismatches == 0 for comparison in self.against)


def verify(
    graph: QuantGraph,
    x: npt.NDArray[np.floating],
    *,
    cores: Sequence[str] = (),
    formats: Sequence[str] = (),
    host: bool = True,
    compiler: CompilerName = "zig",
    optimize: Optimize = "speed",
) -> Verification:
    """Run one stream (steps, features), or windows (n, time, features) each from reset, everywhere.

    A model that needs whole windows takes those of its own length alone, else DataError. x is in raw units.
    cores: names of targets besides this host, each with the kernels that optimize picks for it; formats: of FORMATS,
    APPROXIMATE and INEXACT; host: whether the C code runs on this machine. A runtime that is not installed is an error before
    anything runs.
    """
    for name in formats:
        (FORMATS.get(name) or APPROXIMATE.get(name) or INEXACT[name]).find()
    windows = np.asarray(x, np.float64)
    if windows.ndim == 2:
        windows = windows[None]
    if graph.window_steps not in (None, windows.shape[1]):
        raise DataError(
            f"windows of {windows.shape[1]} time steps; model {graph.name!r} needs exactly {graph.window_steps}: "
            f"{graph.window_reason}. Cut the data into such windows"
        )
    codes = quantize_input(graph.input, windows)
    oracle = Oracle(graph, batch=len(codes)).run(codes, keep_states=True)
    assert oracle.states is not None
    against = _run_c(graph, codes, oracle, cores, compiler, optimize, host=host) if host or cores else []
    for name in formats:
        against += FORMATS[name].compare(graph, codes, oracle) if name in FORMATS else []
    approximate = tuple(APPROXIMATE[name].compare(graph, windows, oracle) for name in formats if name in APPROXIMATE)
    inexact = [Inexact(name, fidelity(graph, windows, *INEXACT[name].run(graph, codes))) for name in formats if name in INEXACT]
    steps = codes.shape[0] * codes.shape[1]
    figures = fidelity(graph, windows, oracle.outputs, oracle.states)
    return Verification(graph.name, graph.scheme, steps, tuple(against), figures, approximate, tuple(inexact))


def _run_c(
    graph: QuantGraph,
    codes: npt.NDArray[np.integer],
    oracle: OracleRun,
    cores: Sequence[str],
    compiler: CompilerName,
    optimize: Optimize,
    *,
    host: bool,
) -> list[Comparison]:
    """The C code on this host and on cores."""
    project = export_c(graph)
    frames = as_frames(project, codes)
    reset = np.zeros(codes.shape[:2], np.bool_)
    reset[:, 0] = True
    reset = reset if project.window_steps is None else reset[:, :1]
    wanted = as_outputs(project, oracle)
    against = []
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        folder = Path(scratch)
        if host:
            against.append(compare(HOST, run_on_host(project, frames, reset.ravel(), folder / "host"), wanted))
        for core in cores:
            project = export_c(graph, kernel_set=resolve_target(core)[0].kernels(optimize))
            got = run_on_core(project, frames, reset.ravel(), core, folder / core, compiler, optimize)
            against.append(compare(f"c-{core}", got, wanted))
    return against


Int16Pair = tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]


def as_frames(project: CProject, codes: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """Windows (n, time, features) as what the app takes at a time: (n * time, features), or whole windows (n, values)."""
    return codes.reshape(len(codes), -1) if project.window_steps is not None else codes.reshape(-1, project.input_size)


def as_outputs(project: CProject, oracle: OracleRun) -> Int16Pair:
    """What the oracle says that each frame gives: outputs and carried state, (frames, values)."""
    outputs, states = oracle.outputs, oracle.states
    assert states is not None  # the caller asked to keep them
    if project.window_steps is None:
        return outputs.reshape(-1, outputs.shape[2]), states.reshape(-1, states.shape[2])
    return outputs[:, -project.output_steps :].reshape(len(outputs), -1), states[:, -1]


def run_on_host(project: CProject, x: npt.NDArray[np.integer], reset: npt.NDArray[np.bool_], folder: Path) -> Int16Pair:
    """Outputs and states of the C code on this machine; x: frames as `as_frames` makes them, reset: (frames,)."""
    model = HostModel(project, build_host_library(project, find_toolchain(None), folder))
    if project.window_steps is not None:
        return model.run_windows(x.reshape(len(x), project.window_steps, project.input_size))
    starts = np.flatnonzero(reset)
    pieces = []
    for start, end in zip(starts, [*starts[1:], len(x)], strict=True):
        model.reset()
        pieces.append(model.run(x[start:end]))
    return np.concatenate([p[0] for p in pieces]), np.concatenate([p[1] for p in pieces])


def run_on_core(
    project: CProject,
    x: npt.NDArray[np.integer],
    reset: npt.NDArray[np.bool_],
    core_name: str,
    folder: Path,
    compiler: CompilerName,
    optimize: Optimize = "speed",
) -> Int16Pair:
    """Outputs and states of the C code on an emulated core, a board's or a hosted target."""
    core, frames = resolve_target(core_name)[0], encode_frames(x, reset)
    if isinstance(core, HostedTarget):
        image = build_hosted(project, core, hosted_toolchain(core, compiler), folder, optimize=optimize, write_state=True)
        output = run_hosted(image, frames)
    else:
        firmware = build_firmware(project, core, find_toolchain(core, compiler), folder, optimize=optimize, write_state=True)
        output = run_image(firmware, frames).output
    return decode_outputs(output, project.output_steps * project.output_size, project.state_bytes // 2)


def hidden_states(graph: QuantGraph, states: npt.NDArray[np.integer]) -> list[npt.NDArray[np.float64]]:
    """Return the real hidden states (..., units) of each recurrent layer from all carried values (..., n)."""
    hidden: list[npt.NDArray[np.float64]] = []
    at = 0
    for layer in graph.every_layer:
        if isinstance(layer, QuantRecurrent):
            hidden.append(states[..., at : at + layer.units].astype(np.float64) * layer.out_scale.value)
        at += layer.carried_values
    return hidden


def fidelity(
    graph: QuantGraph, x: npt.NDArray[np.float64], outputs: npt.NDArray[np.integer], states: npt.NDArray[np.integer]
) -> Fidelity:
    """Compare integer outputs and hidden states (n, time, ...) with the float64 model over the same input."""
    names = [layer.name for layer in graph.recurrent]
    reference = forward(graph.source, x, keep_hidden=names)
    hidden = hidden_states(graph, states)
    state_sqnr_db = None
    if hidden:
        float_hidden = np.concatenate([reference.hidden[name] for name in names], axis=-1)
        state_sqnr_db = sqnr_db(float_hidden, np.concatenate(hidden, axis=-1))
    real = dequantize_output(graph, outputs)
    judged = slice(None) if graph.source.returns_sequence or len(x) == 1 else slice(-1, None)
    agreement = None
    if graph.output_size > 1:
        same = real[:, judged].argmax(-1) == reference.outputs[:, judged].argmax(-1)
        agreement = float(same.mean())
    return Fidelity(state_sqnr_db, sqnr_db(reference.outputs, real), agreement)
