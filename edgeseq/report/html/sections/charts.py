"""The parts that are a chart: the front, learning curves, forecasts; and the confusion matrix, which is a table."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseq.report.html.charts.front import front_chart
from edgeseq.report.html.charts.lines import curves_chart, forecast_chart, seeds_chart
from edgeseq.report.html.parts import Section
from edgeseq.report.results import Candidate, Results
from edgeseq.report.selection import shown

FRONT_NOTE = (
    "In colour: measured candidates within the budget that no cheaper one beats. Large grey: dominated. Small grey: not "
    "measured, their score is that of the validation part. Hollow: over the budget; those along the bottom were not trained. "
    "Ring: recommended. Upright bars: 95 % interval over the test windows; level bars: error of the cycle model."
)


def front(results: Results, run: str) -> Section | None:
    """The metric against a cost of choice."""
    chart = front_chart(results)
    if chart is None:
        return None
    return Section("front", "What accuracy costs", "chart.html.j2", {"note": FRONT_NOTE}, (chart,))


def curves(results: Results, run: str) -> Section | None:
    """Learning curves of the candidates dwelt on, or of the cells compared."""
    chart = curves_chart(results) if results.kind == "search" else seeds_chart(results.cells)
    if chart is None:
        return None
    note = (
        "Solid: validation; dotted: training. The recommended candidate, the best GRU and LSTM, and the front."
        if results.kind == "search"
        else "Line: mean over the seeds; band: from the lowest to the highest."
    )
    return Section("curves", "Learning curves", "chart.html.j2", {"note": note}, (chart,))


def forecast(results: Results, run: str) -> Section | None:
    """Truth and forecast."""
    chart = forecast_chart(results)
    if chart is None:
        return None
    heading = "Truth and answer" if results.data.task == "regression" else "Forecast"
    return Section("forecast", heading, "chart.html.j2", {"note": "By the integers, on the test part."}, (chart,))


@dataclass(frozen=True, slots=True)
class Matrix:
    """A confusion matrix. rows: (true class, (count, share of the true class) by predicted class, recall)."""

    name: str
    classes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[int, float], ...], float | None], ...]


def confusion(results: Results, run: str) -> Section | None:
    """Confusion matrices of the candidates dwelt on, the recommended one open."""
    matrices = [_matrix(each, results.data.class_names) for each in shown(results) if each.confusion]
    if not matrices:
        return None
    counted = "steps" if results.data.task == "tagging" else "windows"
    return Section("confusion", "Which classes it confuses", "confusion.html.j2", {"matrices": matrices, "counted": counted})


def _matrix(each: Candidate, names: tuple[str, ...]) -> Matrix:
    counts = each.confusion or ()
    classes = names or tuple(map(str, range(len(counts))))
    rows = []
    for index, row in enumerate(counts):
        total = sum(row)
        shares = tuple((count, count / total if total else 0.0) for count in row)
        rows.append((classes[index], shares, row[index] / total if total else None))
    return Matrix(each.name, classes, tuple(rows))
