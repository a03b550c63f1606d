"""A comparison of cells as results.json and in the terminal."""

from __future__ import annotations

import math
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from edgeseq._version import __version__
from edgeseq.choose.about_data import describe
from edgeseq.choose.comparison import CellComparison, CellResult
from edgeseq.choose.metric import Metric
from edgeseq.choose.statistics import CONFIDENCE, DRAWS
from edgeseq.data import DataSet
from edgeseq.report import as_json
from edgeseq.targets import Core, resolve_target

SCHEMA = 1


def document(found: CellComparison, data: DataSet, command: list[str]) -> dict[str, Any]:
    """results.json; command: the words that make it again."""
    plan, metric = found.plan, found.metric
    return {
        "schema": SCHEMA,
        "kind": "comparison",
        "version": __version__,
        "command": command,
        "complete": found.complete,
        # Each seed may hold out other training windows, so no one part validates.
        "data": describe(data),
        "target": _target(plan.target),
        "metric": metric.as_json(),
        "match": plan.match,
        "scheme": plan.scheme,
        "optimize": plan.optimize,
        "baseline": found.baseline,
        "confidence": CONFIDENCE,
        "bootstrap": {"draws": DRAWS, "over": ["seeds", found.drawn[0]], "drawn": found.drawn[1]},
        "cells": [_cell(each) for each in found.cells],
        "pairs": [
            {
                "a": pair.a,
                "b": pair.b,
                "difference": pair.difference.estimate,
                "low": pair.difference.low,
                "high": pair.difference.high,
                "seeds": pair.seeds,
                "verdict": pair.verdict,
            }
            for pair in found.pairs
        ],
        "verdict": [*(pair.verdict for pair in found.pairs), *found.notes],
    }


def _target(name: str) -> dict[str, Any]:
    core, board = resolve_target(name)
    cycles = (
        (core.cycle_tier, core.cycle_error_pct, core.cycle_source) if isinstance(core, Core) else ("none", None, "no cycle model")
    )
    tier, error_pct, source = cycles
    sources = [source]
    if board is not None:
        sources += [f"{section}: {source}" for section, source in board.sources]
    return {
        "name": name,
        "core": core.name,
        "board": board.name if board else None,
        "clock_hz": board.clock_hz if board else None,
        "tier": tier,
        "cycle_error_pct": error_pct,
        "source": "; ".join(sources),
    }


def _cell(each: CellResult) -> dict[str, Any]:
    cost = each.cost
    on_board = cost.on_board
    return {
        "cell": each.cell,
        "units": list(each.units),
        "parameters": each.parameters,
        "macs_per_step": cost.macs_per_step,
        "flash_bytes": cost.flash_image_bytes,
        "ram_bytes": cost.ram_image_bytes,
        "instructions": cost.instructions_per_step,
        "cycles_per_step": cost.cycles_per_step.value if cost.cycles_per_step else None,
        "latency_us": on_board.latency_us if on_board else None,
        "energy_uj": on_board.energy_uj if on_board else None,
        "seeds": [
            {
                "seed": model.seed,
                "accuracy": model.score,
                "float_accuracy": model.float_score,
                "seconds": model.seconds,
                "epochs": model.epochs,
                "status": model.status,
                "metrics": model.metrics,
                "history": list(model.history),
            }
            for model in each.seeds
        ],
        "mean": each.mean,
        "std": each.std,
        "low": _finite(each.band.low) if each.band else None,
        "high": _finite(each.band.high) if each.band else None,
        "train_seconds": each.seconds,
        "points": each.efficiency.points,
        "per_kb": each.efficiency.per_kb,
        "per_uj": each.efficiency.per_uj,
        "per_kilocycle": each.efficiency.per_kilocycle,
        "profile": as_json.measurement(cost),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def table(found: CellComparison, data: DataSet) -> Group:
    """Cells, what each pair shows, and how the figures were obtained, in 80 columns."""
    plan, metric = found.plan, found.metric
    energy = any(each.efficiency.per_uj is not None for each in found.cells)
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title_justify="left")
    rows.title = f"{data.name}, {plan.scheme}, {plan.target} ({plan.optimize}), equal {plan.match}"
    rows.add_column("cell", overflow="fold")
    per_cost = ["per µJ"] if energy else ["per kcyc"] if any(each.efficiency.per_kilocycle for each in found.cells) else []
    score = f"{metric.name} %" if metric.unit == "share" else metric.name
    for heading in ("param.", "flash", "RAM", "instr.", "train", score, "per KB", *per_cost):
        rows.add_column(heading, justify="right", no_wrap=True)
    for each in found.cells:
        rows.add_row(
            each.title.replace("+", " +"),  # layers of a stack on lines of their own
            f"{each.parameters:,}",
            f"{each.cost.flash_image_bytes:,}",
            _count(each.cost.ram_image_bytes),
            _count(each.cost.instructions_per_step),
            f"{each.seconds:.0f} s",
            _spread(each, metric),
            f"{each.efficiency.per_kb:.2f}",
            *(_efficiency(each.efficiency.per_uj if energy else each.efficiency.per_kilocycle) for _ in per_cost),
        )
    sentences = [Text(sentence) for sentence in (*(pair.verdict for pair in found.pairs), *found.notes)]
    separated = [part for sentence in sentences for part in (sentence, Text())]
    return Group(rows, *separated, *(Text(line) for line in _legend(found, energy=energy)))


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _efficiency(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _spread(each: CellResult, metric: Metric) -> str:
    if metric.unit == "share":
        return f"{100 * each.mean:.2f}" + (f" ± {100 * each.std:.2f}" if each.std is not None else "")
    return f"{each.mean:.4g}" + (f" ± {each.std:.2g}" if each.std is not None else "")


def _legend(found: CellComparison, *, energy: bool) -> list[str]:
    """How the figures were obtained."""
    plan, metric = found.plan, found.metric
    seeds = max((len(each.seeds) for each in found.cells), default=0)
    base = f"{found.baseline:.2%}".replace("%", " %") if metric.unit == "share" else f"{found.baseline:.4g}"
    points = "points" if metric.unit == "share" else "per cent of error removed"
    direction = "" if metric.higher_is_better else ", lower is better"
    scored = (
        f"{metric.words.capitalize()}: of the integers on the test part, mean ± standard deviation over {seeds} "
        f"seed{'s' * (seeds != 1)}{direction}; intervals: paired bootstrap over seeds and {found.drawn[1]:,} {found.drawn[0]}."
    )
    lines = [
        "Flash and RAM in bytes, instructions per step: exact, of seed 0. Train: median, on this machine.",
        scored,
        f"Per KB of flash{', per µJ of a time step' if energy else ''}: {points} over an answer without a network ({base}).",
    ]
    costs = [each.cost for each in found.cells]
    if energy and costs[0].on_board is not None:
        lines.append(f"Energy: {costs[0].on_board.energy_label}.")
    elif costs and costs[0].cycles_per_step is not None:
        from edgeseq.report.tables import cycle_label

        lines.append(
            f"Per kcyc: the same per 1000 cycles of a time step, {cycle_label(costs[0].cycles_per_step)}; {plan.target} has no "
            "energy figure."
        )
    return lines
