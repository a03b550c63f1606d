"""The command that turns a float model into integers, and says what that costs."""

from __future__ import annotations

from pathlib import Path

import click

from edgeseq.cli.options import Quantization, json_option, model_argument, out_option, quantization_options, resolve_model
from edgeseq.cli.output import Stages, progress, show
from edgeseq.errors import CalibrationError, OutputError


@click.command()
@model_argument
@quantization_options
@click.option("--explain", is_flag=True, help="Show range, step, clipping and SQNR of every tensor, and what each layer costs.")
@out_option
@json_option
def quantize(model: str, how: Quantization, out: Path, json_wanted: bool, explain: bool) -> None:
    """Turn a float model into integers, saved as .esq."""
    from edgeseq.data import load_windows
    from edgeseq.export.c import export_c
    from edgeseq.quantize import write_esq
    from edgeseq.report import as_json, tables
    from edgeseq.simulate.explain import explain as run_explanation

    if out.suffix != ".esq":
        raise OutputError(f"{out}: the file must end in .esq")
    if Path(model).suffix == ".esq":
        raise click.UsageError(f"{model} is already quantised")
    if explain and how.calibration is None:
        raise CalibrationError("--explain needs --calibration DATA, to compare integers with the float model on")
    with progress() as display:
        stages = Stages(display)
        stages.start("quantising")
        graph = resolve_model(model, how)
        write_esq(graph, out)
        project = export_c(graph)
        explanation = None
        if explain and how.calibration is not None:
            stages.start("running each layer alone in integers")
            explanation = run_explanation(graph, load_windows(how.calibration))
    show(
        tables.quantized(graph, str(out), project, explanation),
        as_json.quantized(graph, str(out), project, explanation),
        json_wanted=json_wanted,
    )
