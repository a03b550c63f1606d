"""All candidates, with the reason why each is not recommended."""

from __future__ import annotations

from edgeseq.report.figures import CYCLES, FIGURES, INSTRUCTIONS, NONE, Figure, cost, number, present, score
from edgeseq.report.html.parts import Cell, Section, Table, figure, name
from edgeseq.report.results import Candidate, Results
from edgeseq.report.selection import rank


def candidates(results: Results, run: str) -> Section:
    """One row for each, best first; the script sorts and filters."""
    columns = present(results, FIGURES)
    if CYCLES in columns:
        columns = tuple(column for column in columns if column != INSTRUCTIONS)
    ordered = sorted(results.candidates, key=lambda each: (each.name != results.recommended, *rank(results.metric, each)))
    table = Table(
        f"All {len(ordered):,} candidates" if len(ordered) > 1 else "The one candidate",
        (
            "candidate",
            results.metric.name,
            *(column.heading for column in columns),
            "status",
            "fits",
            "why not",
            "kernels",
            "window",
        ),
        tuple(_row(results, each, columns) for each in ordered),
        frozenset(range(1, 2 + len(columns))),
    )
    values = {
        "table": table,
        "cells": sorted({each.cell for each in ordered}),
        "statuses": sorted({each.status for each in ordered}),
        "rows": list(zip(table.rows, ordered, strict=True)),
    }
    return Section("candidates", "All candidates", "candidates.html.j2", values)


def _row(results: Results, each: Candidate, columns: tuple[Figure, ...]) -> tuple[Cell, ...]:
    chosen = each.name == results.recommended
    return (
        name(each.name),
        figure(score(results.metric, each.accuracy), each.accuracy),
        *(_cost(each, column) for column in columns),
        Cell(each.status, tone="good" if each.measured else "bad" if each.status == "failed" else ""),
        Cell("yes" if each.feasible else "no"),
        Cell("recommended" if chosen else each.reason or "", tone="good" if chosen else "", name=True),
        Cell(each.optimize),
        Cell(_input(results, each)),
    )


def _cost(each: Candidate, column: Figure) -> Cell:
    value = cost(each, column)
    text = NONE if value is None else number(value)
    return figure(text, value, "" if each.measured else "soft")


def _input(results: Results, each: Candidate) -> str:
    """Time steps of a window that it sees."""
    steps = each.window or results.data.window_steps
    every = f", every {each.stride}" if each.stride > 1 else ""
    return f"last {steps}{every}" if each.window else f"{steps}{every}"
