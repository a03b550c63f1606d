"""`edgeseq demo`: train, quantise, export, compile, emulate and compare GRU with LSTM."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich import box
from rich.table import Table

from edgeseq.cli.options import json_option
from edgeseq.cli.output import RESULT, Stages, progress, show
from edgeseq.data import DataOptions, DataSet, load_data

CORES = ("cortex-m4", "cortex-m0plus")
CELLS = ("gru", "lstm")
# Enough for a percentage; beyond that an emulated test set only costs time.
MAX_EMULATED_STEPS = 40_000
CALIBRATION_WINDOWS = 256


@dataclass(frozen=True, slots=True, eq=False)
class CellResult:
    """One cell's figures. emulated_accuracy: by core, of the image's own outputs."""

    cell: str
    float_accuracy: float
    emulated_accuracy: dict[str, float]
    mismatches: dict[str, int]
    windows: int
    measurements: dict[str, Any]


@click.command()
@click.option("--data", default="digits", show_default=True, metavar="DATA", help="A labelled .npz, or 'digits'.")
@click.option("--units", type=click.IntRange(1, 512), default=32, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=25, show_default=True)
@json_option
def demo(data: str, units: int, epochs: int, json_wanted: bool) -> None:
    """Train a GRU and an LSTM and show what each costs on two Cortex-M cores."""
    with progress() as display:
        stages = Stages(display)
        stages.start("loading data")
        loaded = load_data(data, DataOptions(task="classification"))
        results = [_run_cell(loaded, cell, units, epochs, stages) for cell in CELLS]
    document = {"schema": 1, "data": loaded.name, "units": units, "cells": [_as_json(result) for result in results]}
    show(_table(loaded, units, results), document, json_wanted=json_wanted)
    if not json_wanted:
        RESULT.print(_next_steps(), highlight=False, soft_wrap=True, markup=False)


def _run_cell(data: DataSet, cell: Any, units: int, epochs: int, stages: Stages) -> CellResult:
    from edgeseq.export.c import export_c
    from edgeseq.frontend import load_model
    from edgeseq.measure.profile import profile
    from edgeseq.measure.verify import run_on_core
    from edgeseq.quantize import quantize
    from edgeseq.simulate import Oracle
    from edgeseq.simulate.oracle import quantize_input
    from edgeseq.targets import load_core
    from edgeseq.train import Recipe, train_classifier

    name = f"{cell.upper()}({units})"
    stages.start(f"training {name} on {data.name}", total=epochs)
    trained = train_classifier(
        data, Recipe(cell=cell, units=units, epochs=epochs), lambda done, _, acc: stages.advance(done, f"validation {acc:.1%}")
    )
    stages.start(f"quantising {name}")
    graph = quantize(load_model(trained.model), data.x_train[:CALIBRATION_WINDOWS])
    windows = max(1, min(len(data.x_test), MAX_EMULATED_STEPS // data.x_test.shape[1]))
    codes, labels = quantize_input(graph.input, data.x_test[:windows]), data.y_test[:windows]
    wanted = Oracle(graph, batch=windows).run(codes).outputs
    reset = np.zeros(codes.shape[:2], np.bool_)
    reset[:, 0] = True
    accuracy, mismatches, measurements = {}, {}, {}
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        for core in CORES:
            stages.start(f"compiling {name} for {core} and running {windows} windows")
            project = export_c(graph, kernel_set=load_core(core).kernel_set)
            outputs, _ = run_on_core(
                project, codes.reshape(-1, graph.input_size), reset.ravel(), core, Path(scratch) / core, "zig"
            )
            by_window = outputs.reshape(wanted.shape)
            mismatches[core] = int(np.count_nonzero(by_window != wanted))
            accuracy[core] = float((by_window[:, -1].argmax(axis=1) == labels).mean())
            measurements[core] = profile(graph, core, inputs=codes.reshape(-1, graph.input_size), project=project)
    return CellResult(cell, trained.test_accuracy, accuracy, mismatches, windows, measurements)


def _as_json(result: CellResult) -> dict[str, Any]:
    from edgeseq.report import as_json

    return {
        "cell": result.cell,
        "float_accuracy": result.float_accuracy,
        "int8_accuracy": result.emulated_accuracy,
        "mismatches": result.mismatches,
        "windows": result.windows,
        "profiles": [as_json.measurement(m) for m in result.measurements.values()],
    }


def _table(data: DataSet, units: int, results: list[CellResult]) -> Table:
    from edgeseq.report.tables import cycle_label

    gru, lstm = results
    table = Table(
        title=f"GRU({units}) and LSTM({units}) on {data.name}: {gru.windows} test windows, run on the emulated cores",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    for heading in ("", "GRU", "LSTM", "GRU/LSTM"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row("accuracy, float", f"{gru.float_accuracy:.2%}", f"{lstm.float_accuracy:.2%}", "")
    for core in CORES:
        bad = gru.mismatches[core] + lstm.mismatches[core]
        exact = "= oracle" if bad == 0 else f"{bad} MISMATCHES"
        table.add_row(
            f"accuracy, int8 on {core}", f"{gru.emulated_accuracy[core]:.2%}", f"{lstm.emulated_accuracy[core]:.2%}", exact
        )
    rows = (
        ("state", "ram_state_bytes", " B"),
        ("flash, whole image", "flash_image_bytes", " B"),
        ("RAM, whole image", "ram_image_bytes", " B"),
        ("stack, high-water mark", "ram_stack_bytes", " B"),
        ("instructions per step", "instructions_per_step", ""),
        ("cycles per step *", "cycles_per_step", ""),
    )
    for core in CORES:
        table.add_section()
        table.add_row(f"[bold]{core}[/]", "", "", "")
        for label, field, unit in rows:
            a, b = (_number(result.measurements[core], field) for result in results)
            table.add_row(f"  {label}", f"{a:,}{unit}", f"{b:,}{unit}", f"{a / b:.2f}")
    notes = [f"* {core}: {cycle_label(gru.measurements[core].cycles_per_step)}" for core in CORES]
    table.caption = "All other figures are exact: from the linked image or the emulator.\n" + "\n".join(notes)
    table.caption_justify = "left"
    return table


def _number(measurement: Any, field: str) -> int:
    value = getattr(measurement, field)
    return int(value.value if hasattr(value, "value") else value)


def _next_steps() -> str:
    return (
        "\nThe same with your own model (calibration: windows of your data, [n, time, features]):\n"
        "  .venv/bin/edgeseq quantize model.keras --calibration data.npz --out model.esq\n"
        "  .venv/bin/edgeseq profile  model.esq --target cortex-m4\n"
        "  .venv/bin/edgeseq export   model.esq --out model_c"
    )
