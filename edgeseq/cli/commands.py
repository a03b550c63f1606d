"""All commands but the demo, each a thin call of the room that does the work."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from rich import box
from rich.console import Group
from rich.table import Table

from edgeseq.cli.choose import choose
from edgeseq.cli.compare import compare
from edgeseq.cli.demo import demo
from edgeseq.cli.doctor import doctor
from edgeseq.cli.exchange import EXCHANGE, FORMS, PRECISIONS, Exchange, check
from edgeseq.cli.options import (
    Quantization,
    compiler_option,
    force_option,
    json_option,
    model_argument,
    optimize_option,
    out_option,
    quantization_options,
    resolve_model,
)
from edgeseq.cli.output import Stages, progress, show
from edgeseq.cli.profile import profile
from edgeseq.cli.quantize import quantize
from edgeseq.cli.report import report
from edgeseq.cli.train import train

if TYPE_CHECKING:
    from edgeseq.export.c import CProject
    from edgeseq.measure.measurement import Measurement
    from edgeseq.quantize import QuantGraph
    from edgeseq.targets import Board, Core, HostedTarget, Optimize

NOT_SUPPORTED, MISMATCH = 2, 1


@click.command()
@model_argument
@json_option
def inspect(model: str, json_wanted: bool) -> None:
    """Say of every layer whether it is supported, and why not."""
    from edgeseq.frontend import inspect_model
    from edgeseq.report import as_json, tables

    inspection = inspect_model(model)
    show(tables.inspection(inspection), as_json.inspection(inspection), json_wanted=json_wanted)
    if not inspection.supported:
        sys.exit(NOT_SUPPORTED)


@click.command()
@model_argument
@quantization_options
@click.option("--format", "file_format", type=click.Choice(["c", *EXCHANGE]), default="c", show_default=True)
@click.option(
    "--form",
    type=click.Choice(FORMS),
    help="What one call of a graph format is: a step with states in and out (default), one whose states lie inside, "
    "several steps, or a window from zero states; of .tflite also TFLite's own LSTM operator (fused), which is not exact; of "
    ".onnx also the float model, the step between QuantizeLinear and DequantizeLinear, or LSTM with 8-bit weights.",
)
@click.option(
    "--steps", type=click.IntRange(1), metavar="T", help="Time steps of one call; of a window, default: the model's own."
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    help="Of a graph format: the integers (default), or the float model, its weights in float32 or float16.",
)
@click.option("--ort", is_flag=True, help="Beside the .onnx, write the .ort and its list of operators for a minimal onnxruntime.")
@click.option("--wide-weights", is_flag=True, help="Store 4-bit weights of a .tflite in int8, for runtimes without INT4.")
@click.option(
    "--describe", metavar="DATA", help="Put the class and feature names of this data set into the metadata of a .tflite."
)
@click.option(
    "--sampling-rate",
    metavar="HZ",
    type=float,
    help="Put it into the metadata of a .tflite; default: that of --describe, if it has one.",
)
@click.option("--target", metavar="TARGET", help="Take this target's fast kernels; without it, the portable ones.")
@optimize_option
@compiler_option
@click.option("--name", metavar="PREFIX", help="Prefix of all public C names; default: the model's name.")
@out_option
@force_option
@json_option
def export(
    model: str,
    how: Quantization,
    file_format: str,
    form: str | None,
    steps: int | None,
    precision: str | None,
    ort: bool,
    wide_weights: bool,
    describe: str | None,
    sampling_rate: float | None,
    target: str | None,
    optimize: Any,
    compiler: Any,
    name: str | None,
    out: Path,
    force: bool,
    json_wanted: bool,
) -> None:
    """Write a C99 project (kernels, data and a datasheet header), or a file for another runtime."""
    from edgeseq.export.c import export_c, write_project
    from edgeseq.report import as_json, tables
    from edgeseq.targets import OPTIMIZE_MODES, kernels_of, resolve_target

    given = _given("target", "optimize", "compiler", "name", "force")
    wanted = Exchange(model, out, form, steps, precision, wide_weights, ort, describe, sampling_rate, given)
    check(file_format, wanted)
    if file_format in EXCHANGE:
        EXCHANGE[file_format][2](wanted, how, json_wanted=json_wanted)
        return
    core, board = resolve_target(target) if target else (None, None)
    graph = resolve_model(model, how)
    command = _command_line()
    projects = {
        mode: export_c(
            graph,
            kernel_set=core.kernels(mode) if core else kernels_of("portable", mode),
            name=name,
            source=Path(model).name,
            command=command,
        )
        for mode in (OPTIMIZE_MODES if core else (optimize,))
    }
    project = projects[optimize]
    write_project(project, out, force=force)
    measured, note = _measure_both(graph, board or core, projects, compiler)
    document = {
        "schema": 1,
        "model": graph.name,
        "format": file_format,
        "name": project.name,
        "out": str(out),
        "target": core.name if core else None,
        "board": board.name if board else None,
        "optimize": optimize,
        "kernels": project.kernel_set,
        "fallbacks": dict(project.fallbacks),
        "sparse": dict(project.sparse),
        "files": sorted(project.files),
        "weight_bytes": project.weight_bytes,
        "table_bytes": project.table_bytes,
        "state_bytes": project.state_bytes,
        "scratch_bytes": project.scratch_bytes,
        "window_steps": project.window_steps,
        "modes": {mode: as_json.measurement(value) for mode, value in measured.items()},
    }
    text = tables.exported(project, str(out), measured, note)
    show(text, document, json_wanted=json_wanted)


def _measure_both(
    graph: QuantGraph, target: Core | HostedTarget | Board | None, projects: dict[Optimize, CProject], compiler: Any
) -> tuple[dict[Optimize, Measurement], str]:
    """Profile the project of each mode on its core; without a compiler or an emulator, say what is missing instead."""
    from edgeseq.errors import EmulationError, MissingExtraError, ToolchainError
    from edgeseq.measure.profile import profile as measure

    if target is None:
        return {}, "Add --target TARGET for its fast kernels and for flash, RAM and time on it."
    measured: dict[Optimize, Measurement] = {}
    try:
        with progress() as display:
            stages = Stages(display)
            for mode, project in projects.items():
                stages.start(f"measuring on {target.name}, {mode}")
                measured[mode] = measure(graph, target, compiler=compiler, optimize=mode, project=project)
    except (EmulationError, MissingExtraError, ToolchainError) as error:
        return {}, f"Not measured: {error}"
    return measured, ""


def _given(*names: str) -> tuple[str, ...]:
    """Those of a command's options that were given, as they are written."""
    context = click.get_current_context()
    return tuple(f"--{name}" for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE)


def _command_line() -> str:
    """The command without folders: the same model gives the same bytes wherever it lies."""
    given: list[str] = click.get_current_context().obj
    words = [Path(word).name if "/" in word or "\\" in word else word for word in given]
    return shlex.join(["edgeseq", *words])


@click.command()
@model_argument
@quantization_options
@click.option("--input", "data", required=True, metavar="DATA", help="What to run: each window starts from a reset state.")
@click.option(
    "--against",
    default="c",
    show_default=True,
    help="Comma-separated: c (this host), tflite, tflite-runtime, tflite-micro, onnx, onnxruntime-web, targets, or qdq and "
    "tflite-fused, whose error is told.",
)
@click.option("--limit", type=click.IntRange(1), default=10_000, show_default=True, help="Time steps to run at most.")
@compiler_option
@optimize_option
@json_option
def verify(
    model: str,
    how: Quantization,
    data: str,
    against: str,
    limit: int,
    compiler: Any,
    optimize: Any,
    json_wanted: bool,
) -> None:
    """Compare every output and state with the oracle; exit 1 on any mismatch. Forms that cannot be exact are measured."""
    from edgeseq.data import load_windows
    from edgeseq.errors import DataError, TargetError
    from edgeseq.measure.formats import APPROXIMATE, FORMATS, INEXACT, present
    from edgeseq.measure.verify import verify as run_verification
    from edgeseq.report import as_json, tables
    from edgeseq.targets import target_names

    names = [name for name in (word.strip() for word in against.split(",")) if name]
    runtimes = (*FORMATS, *APPROXIMATE, *INEXACT)
    formats = [name for name in names if name in runtimes]
    cores = [name for name in names if name != "c" and name not in formats]
    unknown = [name for name in cores if name not in target_names()]
    if unknown:
        raise TargetError(
            f"--against {','.join(unknown)}: unknown target or runtime. Runtimes: c, {', '.join(runtimes)} "
            f"(this machine has: {', '.join(('c', *present()))}); targets: {', '.join(target_names())}"
        )
    graph = resolve_model(model, how)
    windows = load_windows(data, part="test")
    if windows.shape[2] != graph.input_size:
        raise DataError(f"{data}: {windows.shape[2]} features per time step; model {graph.name!r} expects {graph.input_size}")
    stream = len(windows) == 1 and graph.window_steps is None
    windows = windows[:, :limit] if stream else windows[: max(1, limit // windows.shape[1])]
    with progress() as display:
        Stages(display).start(f"running {windows.shape[0] * windows.shape[1]:,} steps")
        # The host's C code is what targets are compared beside; a format alone needs no compiler.
        result = run_verification(
            graph,
            windows,
            cores=cores,
            formats=formats,
            host="c" in names or not formats,
            compiler=compiler,
            optimize=optimize,
        )
    show(tables.verification(result), as_json.verification(result), json_wanted=json_wanted)
    if not result.exact:
        sys.exit(MISMATCH)


@click.command()
@json_option
def targets(json_wanted: bool) -> None:
    """List the targets that edgeseq compiles for and runs, and boards with their cores."""
    from edgeseq.report.boards import board_document, board_table
    from edgeseq.targets import board_names, core_names, hosted_names, load_board, load_core, load_target

    cores = [load_core(name) for name in core_names()]
    hosted = [load_target(name) for name in hosted_names()]
    boards = [load_board(name) for name in board_names()]
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("target", "core", "cycle model"):
        table.add_column(heading)
    for core in cores:
        error = "" if core.cycle_error_pct is None else f", ± {core.cycle_error_pct:g} %"
        table.add_row(core.name, core.description, f"{core.cycle_tier}{error}")
    for target in hosted:
        table.add_row(target.name, target.description, "none")
    document = {
        "schema": 1,
        "targets": [
            {
                "name": core.name,
                "description": core.description,
                "cycles": {"tier": core.cycle_tier, "error_pct": core.cycle_error_pct, "source": core.cycle_source},
            }
            for core in cores
        ]
        + [{"name": target.name, "description": target.description, "cycles": None} for target in hosted],
        "boards": [board_document(board) for board in boards],
    }
    show(Group(table, board_table(boards)), document, json_wanted=json_wanted)


COMMANDS = (demo, train, choose, compare, report, inspect, quantize, export, verify, profile, targets, doctor)
