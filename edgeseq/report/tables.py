"""Terminal tables that fit 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table

from edgeseq.export.c import CProject
from edgeseq.frontend import Inspection
from edgeseq.measure.approximation import Approximation
from edgeseq.measure.measurement import Cycles, HostTime, Measurement
from edgeseq.measure.on_board import tier_label
from edgeseq.measure.verify import Fidelity, Verification
from edgeseq.quantize import QuantGraph
from edgeseq.report import boards
from edgeseq.simulate.explain import Explanation
from edgeseq.targets import Optimize

if TYPE_CHECKING:
    from edgeseq.export.onnx import OnnxModel
    from edgeseq.export.tflite import TfliteModel
    from edgeseq.measure.latency import Latency, RuntimeTime


def cycle_label(cycles: Cycles) -> str:
    """How far a cycle count can be trusted."""
    return tier_label(cycles.tier, cycles.error_pct)


def time_label(time: HostTime) -> str:
    """On what, how often and how evenly a time was measured."""
    return f"measured ({time.device}, {time.runs} runs, spread {time.spread_pct:.0f} %)"


def inspection(value: Inspection) -> Table:
    """Layers with support and reasons."""
    table = Table(title=f"{value.name}: {value.parameters} parameters", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("layer")
    table.add_column("kind")
    table.add_column("supported")
    table.add_column("note", overflow="fold")
    for row in value.layers:
        table.add_row(row.name, row.kind, "[green]yes[/]" if row.supported else "[red]no[/]", row.reason or "")
    return table


def quantized(graph: QuantGraph, out: str, project: CProject, explanation: Explanation | None) -> Group:
    """What a model became, and where it loses accuracy."""
    summary = (
        f"{out}: scheme {graph.scheme}, {graph.input.dtype} input, weights {project.weight_bytes:,} B, "
        f"tables {project.table_bytes:,} B, state {project.state_bytes:,} B (exact)"
    )
    if explanation is None:
        return Group(summary)
    return Group(summary, *_explanation(explanation))


def _explanation(value: Explanation) -> tuple[Table, Table, str]:
    tensors = Table(title="tensors, float values rounded to their integers", box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("layer", "tensor", "type"):
        tensors.add_column(heading, overflow="fold")
    for heading in ("range", "step", "clipped", "SQNR, dB"):
        tensors.add_column(heading, justify="right", no_wrap=True)
    for row in value.tensors:
        span = f"{row.low:.3g}..{row.high:.3g}"
        clipped = "0" if row.saturated == 0 else f"{row.saturated:.2%}"
        tensors.add_row(
            row.layer, row.tensor.replace("_", " "), row.dtype, span, f"{row.step:.3g}", clipped, f"{row.sqnr_db:.1f}"
        )
    costs = Table(title="layers, each alone in integers", box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("layer", "kind"):
        costs.add_column(heading)
    costs.add_column("output SQNR, dB", justify="right")
    for cost in value.costs:
        costs.add_row(cost.layer, cost.kind, f"{cost.output_sqnr_db:.1f}")
    worst = value.costliest
    return tensors, costs, f"{worst.layer} costs most: alone in integers it leaves {worst.output_sqnr_db:.1f} dB of the output."


def measurement(value: Measurement) -> Table:
    """One model on one core, every figure with its label."""
    title = f"{value.model} ({value.scheme}) on {value.target}, {value.compiler}, {value.optimize} ({value.kernel_set})"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("label")
    exact = "exact"
    cycles, time, window = value.cycles_per_step, value.time_per_step, value.window
    counted = "exact (emulated, mean)"
    per_step = counted if window is None else f"a window's, divided by its {window.steps} steps"
    rows = [
        ("time steps per window", window.steps if window else None, "", exact),
        ("instructions per window", window.instructions if window else None, "", counted),
        ("cycles per window", window.cycles if window else None, "", cycle_label(cycles) if cycles else ""),
        ("instructions per step", value.instructions_per_step, "", per_step),
        ("cycles per step", cycles.value if cycles else None, "", cycle_label(cycles) if cycles else ""),
        ("time per step", round(time.ns) if time else None, " ns", time_label(time) if time else ""),
        ("multiply-accumulates per step", value.macs_per_step, "", exact),
        ("flash: weights and tables", value.flash_model_bytes, " B", exact),
        ("flash: code", value.flash_code_bytes, " B", "exact (minus an empty image)"),
        ("flash: whole image", value.flash_image_bytes, " B", exact),
        ("RAM: state", value.ram_state_bytes, " B", exact),
        ("RAM: scratch", value.ram_scratch_bytes, " B", exact),
        ("RAM: stack, high-water mark", value.ram_stack_bytes, " B", "exact (painted, emulated)"),
        ("RAM: whole image", value.ram_image_bytes, " B", "exact (static + stack)"),
    ]
    for name, number, unit, label in rows:
        # What cannot be had for a target has no row.
        if number is not None:
            table.add_row(name, f"{number:,}{unit}", label)
    table.caption, table.caption_justify = "\n".join(boards.notes(value)) or None, "left"
    return table


def latency(value: Latency) -> Group:
    """One model on this host's runtimes, in 80 columns."""
    first, *others = value.rows
    what = "as it is" if value.form is None else f"{value.form}, {value.scheme or value.precision}"
    title = f"{value.model} ({what}): {_count(first.steps, 'step')} a call, batch 1"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", collapse_padding=True, pad_edge=False)
    columns: dict[str, Callable[[RuntimeTime], str]] = {
        "runtime": lambda row: row.runtime,
        "µs a call": lambda row: _micros(row.call_ns.median),
        "p95": lambda row: _micros(row.call_ns.p95),
    }
    if any(row.invoke_ns for row in value.rows):
        columns["invoke"] = lambda row: "" if row.invoke_ns is None else _micros(row.invoke_ns.median)
    if first.steps > 1:
        columns["a step"] = lambda row: _micros(row.call_ns.median / row.steps)
    if others:
        columns["ratio"] = lambda row: f"{row.call_ns.over(first.call_ns):.3g}"
    columns["bytes"] = lambda row: f"{row.file_bytes:,}"
    for heading in columns:
        table.add_column(heading, justify="left" if heading == "runtime" else "right", no_wrap=True)
    for row in value.rows:
        table.add_row(*(cell(row) for cell in columns.values()))
    runs = len(first.call_ns.values)
    notes = [f"measured (this host: {value.device}, {runs} runs{' in turn' if others else ''}; spread below)"]
    notes += [f"{row.runtime}{_details(row)}" for row in value.rows]
    if others:
        notes.append(f"ratio: calls over {first.runtime}'s, median of the rounds; holds on a busy machine too")
    return Group(table, *notes)


def _micros(nanoseconds: float) -> str:
    micros = nanoseconds / 1e3
    return f"{micros:,.0f}" if micros >= 1000 else f"{micros:.2f}"


def _details(row: RuntimeTime) -> str:
    """What else was measured of a runtime, and how it ran."""
    version = "" if row.version is None else f" {row.version}"
    imported = "" if row.import_ms is None else f", imported in {row.import_ms.median:.0f} ms"
    fed = f", {_count(row.states, 'state')} fed back" if row.states else ""
    return f"{version}: spread {row.call_ns.spread_pct:.0f} %, {_count(row.threads, 'thread')}{imported}{fed}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number > 1)}"


def verification(value: Verification) -> Table:
    """Mismatches per runner, then fidelity."""
    title = f"{value.model} ({value.scheme}): {value.steps:,} steps against the oracle"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("runner")
    table.add_column("mismatches", justify="right")
    table.add_column("largest difference", justify="right")
    for row in value.against:
        colour = "green" if row.mismatches == 0 else "red"
        table.add_row(row.name, f"[{colour}]{row.mismatches:,}[/]", f"{row.max_abs_lsb} LSB")
    for inexact in value.inexact:
        table.add_row(inexact.name, "its own arithmetic", "below")
    lines = [f"against the float model: {_fidelity(value.fidelity)}"]
    lines += [f"{inexact.name} against the float model: {_fidelity(inexact.fidelity)}" for inexact in value.inexact]
    table.caption = "\n".join([*lines, *map(approximation, value.approximate)])
    table.caption_justify = "left"
    return table


def _fidelity(value: Fidelity) -> str:
    agreement = "" if value.agreement is None else f", same class {value.agreement:.2%}"
    states = "" if value.state_sqnr_db is None else f"state SQNR {value.state_sqnr_db:.1f} dB, "
    return f"{states}output SQNR {value.output_sqnr_db:.1f} dB{agreement}"


def error_of_fused(checked: Verification | None) -> str:
    """What a file of the fused operator is worth: measured beside the integers of the other forms, or how to measure it."""
    said = "Not the oracle's integers: LSTM layers have the fused operator's own arithmetic."
    if checked is None:
        return f"{said} 'edgeseq verify --against tflite-fused --input DATA' measures its error, as --calibration DATA does here."
    (fused,) = checked.inexact
    return (
        f"{said} Measured on {checked.steps:,} steps of the calibration data against the float model: "
        f"{_fidelity(fused.fidelity)}; the other forms: {_fidelity(checked.fidelity)}"
    )


def approximation(value: Approximation) -> str:
    """How far a form is off that cannot be exact."""
    states = "" if value.state_sqnr_db is None else f"state SQNR {value.state_sqnr_db:.1f} dB, "
    lsb = "" if value.output_max_lsb is None else f" ({value.output_max_lsb:.1f} LSB)"
    return (
        f"{value.name}, not exact: {states}outputs off by up to {value.output_max_abs:.3g}{lsb} against {value.against} "
        f"(measured on onnxruntime, {value.steps:,} steps)"
    )


def exported(project: CProject, out: str, measured: Mapping[Optimize, Measurement], note: str) -> Group:
    """What was written, and what each mode costs on the target."""
    lines = [
        f"{out}: {len(project.files)} files; include {project.name}.h, compile {project.name}.c and kernels/*.c",
        (
            f"kernels {project.kernel_set}: weights {project.weight_bytes:,} B, tables {project.table_bytes:,} B, "
            f"state {project.state_bytes:,} B, scratch {project.scratch_bytes:,} B (exact)"
        ),
        *(f"{layer} runs on the portable kernels: {reason}" for layer, reason in project.fallbacks.items()),
        *(f"{layer} leaves zero blocks out and stores {what}" for layer, what in project.sparse.items()),
    ]
    if not measured:
        return Group(*lines, note)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("figure")
    for mode in measured:
        table.add_column(mode, justify="right")
    table.add_column("label")
    values = list(measured.values())
    cycles, times = [m.cycles_per_step for m in values], [m.time_per_step for m in values]
    rows: list[tuple[str, list[int | None], str]] = [
        ("instructions per step", [m.instructions_per_step for m in values], "exact"),
        ("cycles per step", [c.value if c else None for c in cycles], cycle_label(cycles[0]) if cycles[0] else ""),
        ("time per step, ns", [round(t.ns) if t else None for t in times], time_label(times[0]) if times[0] else ""),
        ("time of a call, µs", [round(m.on_board.latency_us) if m.on_board else None for m in values], "modelled, as cycles"),
        ("flash, whole image", [m.flash_image_bytes for m in values], "exact, bytes"),
        ("RAM, whole image", [m.ram_image_bytes for m in values], "exact, bytes"),
    ]
    for name, figures, label in rows:
        if any(figure is not None for figure in figures):
            table.add_row(name, *("" if figure is None else f"{figure:,}" for figure in figures), label)
    return Group(*lines, table)


def exported_tflite(model: TfliteModel | OnnxModel, out: str) -> Group:
    """What was written: its size, its edges and its operators."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("", "tensor", "type", "shape", "step"):
        table.add_column(heading)
    for kind, ports in (("input", model.inputs), ("output", model.outputs)):
        for port in ports:
            tensor = port.tensor
            step = "" if tensor.scale is None else f"{tensor.scale.value:.6g}"
            table.add_row(
                kind, port.name, tensor.dtype, " x ".join("?" if size < 0 else str(size) for size in tensor.shape), step
            )
    count = "any number of" if model.steps is None else f"{model.steps:,}"
    steps = "1 time step" if model.steps == 1 else f"{count} time steps"
    operators = ", ".join(f"{count} {name}" for name, count in model.operators.items())
    return Group(
        f"{out}: {len(model.data):,} B (exact), {model.form}, {steps} a call",
        table,
        f"{sum(model.operators.values())} operators: {operators}",
    )
