"""`edgeseq profile`: what a model costs on a target, or how long it takes on this host's runtimes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from edgeseq.cli.amounts import FREQUENCY
from edgeseq.cli.exchange import FORMS, PRECISIONS, float_model
from edgeseq.cli.options import (
    Quantization,
    compiler_option,
    json_option,
    model_argument,
    optimize_option,
    quantization_options,
    resolve_model,
    target_option,
)
from edgeseq.cli.output import Stages, progress, show
from edgeseq.errors import ModelError, TargetError

if TYPE_CHECKING:
    from edgeseq.graph import Graph
    from edgeseq.quantize import QuantGraph

# Options of the one way to profile, refused in the other.
_OF_TARGETS = ("target", "clock", "compiler", "optimize")
_EXACT_FORMS = tuple(form for form in FORMS if form not in ("float", "qdq", "dynamic", "fused"))
_OF_RUNTIMES = ("form", "steps", "precision", "threads", "runs")


@dataclass(frozen=True, slots=True)
class OnHost:
    """What was asked for with --runtime; None where it was left out."""

    runtimes: tuple[str, ...]
    form: str | None
    steps: int | None
    precision: Any
    threads: int
    runs: int


@click.command()
@model_argument
@quantization_options
@target_option
@click.option(
    "--runtime",
    metavar="NAMES",
    help="Time it on this host instead: c, litert, onnxruntime, tflite-runtime; several, comma-separated, run by run in turn.",
)
@click.option("--form", type=click.Choice(_EXACT_FORMS), help="With --runtime: as of export.")
@click.option("--steps", type=click.IntRange(1), metavar="T", help="With --runtime: time steps of one call, as of export.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="With --runtime: as of export; c has the integers alone.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="With --runtime: of an interpreter.")
@click.option("--runs", type=click.IntRange(3), default=101, show_default=True, help="With --runtime: batches of calls to time.")
@click.option("--clock", type=FREQUENCY, metavar="FREQUENCY", help="Clock of a board, such as 16MHz.  [default: its highest]")
@compiler_option
@optimize_option
@json_option
def profile(
    model: str,
    how: Quantization,
    target: str,
    runtime: str | None,
    form: str | None,
    steps: int | None,
    precision: str | None,
    threads: int,
    runs: int,
    clock: float | None,
    compiler: Any,
    optimize: Any,
    json_wanted: bool,
) -> None:
    """Flash, RAM, instructions and cycles per step on a core, before anything is flashed; or time on this host.

    With --runtime, MODEL may also be a .tflite, or a .onnx without --calibration, of anyone: then that file is timed.
    """
    from edgeseq.measure.profile import profile as measure
    from edgeseq.report import as_json, tables
    from edgeseq.targets import resolve_target

    _refuse(_OF_TARGETS if runtime is not None else _OF_RUNTIMES, with_runtime=runtime is not None)
    if runtime is not None:
        names = tuple(name for name in (word.strip() for word in runtime.split(",")) if name)
        _profile_here(model, how, OnHost(names, form, steps, precision, threads, runs), json_wanted=json_wanted)
        return
    if Path(model).suffix == ".tflite":
        raise TargetError(f"{model}: a .tflite can be timed, not compiled for a target. Add --runtime litert")
    core, board = resolve_target(target)
    if clock is not None:
        if board is None:
            raise TargetError(f"--clock: {target} is no board, so its figures are in cycles. Name a board (edgeseq targets)")
        board = board.at(clock)
    graph = resolve_model(model, how)
    with progress() as display:
        Stages(display).start(f"compiling and emulating for {target}")
        result = measure(graph, board or core, compiler=compiler, optimize=optimize)
    show(tables.measurement(result), as_json.measurement(result), json_wanted=json_wanted)


def _profile_here(model: str, how: Quantization, wanted: OnHost, *, json_wanted: bool) -> None:
    from edgeseq.measure.latency import RUNTIMES, time_model
    from edgeseq.report import as_json, tables

    unknown = [name for name in wanted.runtimes if name not in RUNTIMES]
    if unknown or not wanted.runtimes:
        raise TargetError(f"--runtime {','.join(unknown) or '(empty)'}: unknown; known: {', '.join(RUNTIMES)}")
    subject = _subject(model, how, wanted)
    with progress() as display:
        Stages(display).start(f"timing on {', '.join(wanted.runtimes)}")
        result = time_model(
            subject,
            wanted.runtimes,
            form=wanted.form,
            steps=wanted.steps,
            precision=wanted.precision or "int",
            threads=wanted.threads,
            runs=wanted.runs,
        )
    show(tables.latency(result), as_json.latency(result), json_wanted=json_wanted)


def _subject(model: str, how: Quantization, wanted: OnHost) -> QuantGraph | Graph | Path:
    """The file itself, or the model that edgeseq exports for each runtime."""
    path = Path(model)
    if path.suffix == ".tflite" or (path.suffix == ".onnx" and how.calibration is None):
        if not path.is_file():
            raise ModelError(f"{model}: no such file")
        given = {"--form": wanted.form, "--steps": wanted.steps, "--precision": wanted.precision}
        names = [name for name, value in given.items() if value is not None]
        if path.suffix == ".tflite" and how.calibration is not None:
            names.append("--calibration")
        if names:
            also = ", or add --calibration DATA to have the model exported" if path.suffix == ".onnx" else ""
            raise TargetError(f"{', '.join(names)}: {path.name} is timed as it is. Leave it out{also}")
        return path
    return resolve_model(model, how) if wanted.precision in (None, "int") else float_model(model)


def _refuse(names: tuple[str, ...], *, with_runtime: bool) -> None:
    """Raise TargetError for options that belong to the other way to profile."""
    context = click.get_current_context()
    given = [f"--{name}" for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        what = "of targets, not of this host's runtimes" if with_runtime else "of this host's runtimes"
        todo = "Leave it out, or leave out --runtime" if with_runtime else "Leave it out, or add --runtime NAMES"
        raise TargetError(f"{', '.join(given)}: {what}. {todo}")
