"""The parts of a comparison: cells, pairs and efficiency."""

from __future__ import annotations

import statistics

from edgeseq.report.figures import NONE, cost, difference, gained, label, number, percent, present, score
from edgeseq.report.html.charts.comparison import GAINS, cells_chart, efficiency_chart, intervals_chart
from edgeseq.report.html.parts import Cell, Section, Table, figure, name
from edgeseq.report.results import ComparedCell, Results


def cells(results: Results, run: str) -> Section:
    """Each cell: what it reaches and what it costs."""
    columns, metric = present(results), results.metric
    table = Table(
        f"Cells at equal {results.match}: mean and standard deviation over seeds, median time of training; costs of one image",
        ("cell", metric.name, "± std", "float", "parameters", "macs", *(column.heading for column in columns), "training"),
        tuple(
            (
                name(row.name),
                figure(score(metric, row.mean), row.mean),
                figure(score(metric, row.std), row.std),
                _float(results, row),
                figure(number(row.parameters), row.parameters),
                figure(number(row.macs_per_step), row.macs_per_step),
                *(figure(NONE if (at := cost(row, column)) is None else number(at), at) for column in columns),
                _seconds(row),
            )
            for row in results.cells
        ),
        frozenset(range(1, 7 + len(columns))),
    )
    chart = cells_chart(results)
    labels = ", ".join(f"{column.title}: {label(column, measured=True, target=results.target)}" for column in columns)
    bars = "intervals of the mean" if any(row.low is not None for row in results.cells) else "standard deviations"
    note = f"Dots: seeds; marks: means, with {bars}. {labels[:1].upper()}{labels[1:]}."
    return Section("cells", "Cells", "cells.html.j2", {"tables": [table], "note": note}, (chart,) if chart else ())


def _float(results: Results, row: ComparedCell) -> Cell:
    values = [seed.float_accuracy for seed in row.seeds if seed.float_accuracy is not None]
    mean = sum(values) / len(values) if values else None
    return figure(score(results.metric, mean), mean)


def _seconds(row: ComparedCell) -> Cell:
    values = [seed.seconds for seed in row.seeds if seed.seconds is not None]
    middle = statistics.median(values) if values else None
    return figure(NONE if middle is None else f"{middle:,.0f} s", middle)


def _gain(value: float | None) -> Cell:
    return figure(NONE if value is None else number(value), value)


def pairs(results: Results, run: str) -> Section | None:
    """Difference of each pair of cells, its interval, and what that shows."""
    if not results.pairs:
        return None
    metric = results.metric
    table = Table(
        f"Differences of {metric.name} with {percent(results.confidence or 0.0)} intervals",
        ("pair", "difference", "from", "to", "seeds", "verdict"),
        tuple(
            (
                name(f"{pair.a} \N{MINUS SIGN} {pair.b}"),
                *(figure(difference(metric, value), value) for value in (pair.difference, pair.low, pair.high)),
                figure(number(pair.seeds), pair.seeds),
                Cell(pair.verdict, name=True),
            )
            for pair in results.pairs
        ),
        frozenset({1, 2, 3, 4}),
    )
    chart = intervals_chart(results)
    note = "An interval that holds zero shows no difference."
    return Section(
        "pairs", "Which differences are shown", "cells.html.j2", {"tables": [table], "note": note}, (chart,) if chart else ()
    )


def efficiency(results: Results, run: str) -> Section | None:
    """What is gained over an answer without a network for a KB of flash, or for a microjoule."""
    chart = efficiency_chart(results)
    if chart is None:
        return None
    note = f"{gained(results.metric)}, divided by the KB of the whole image, or by what a decision costs."
    gains = [(key, title) for key, title in GAINS if any(getattr(row, key) is not None for row in results.cells)]
    table = Table(
        f"{gained(results.metric)}, for what a cell costs",
        ("cell", *(title for _, title in gains)),
        tuple((name(row.name), *(_gain(getattr(row, key)) for key, _ in gains)) for row in results.cells),
        frozenset(range(1, 1 + len(gains))),
    )
    return Section("efficiency", "What a kilobyte buys", "cells.html.j2", {"tables": [table], "note": note}, (chart,))
