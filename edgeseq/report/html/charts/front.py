"""The Pareto front: the metric against a cost of choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgeseq.report.figures import CYCLES, ENERGY, EXACT, FLASH, LATENCY, RAM, Figure, cost, cycles_label, label, score
from edgeseq.report.html.charts.base import Chart, PlotlyFigure, cost_axis, layout, plain, title
from edgeseq.report.palette import CHOSEN, GREY, LIMIT, mark
from edgeseq.report.results import Candidate, Metric, Results
from edgeseq.report.selection import undominated
from edgeseq.report.statistics import interval

AXES = (FLASH, RAM, LATENCY, ENERGY, CYCLES)


def front_chart(results: Results) -> Chart | None:
    """One variant for each cost that some scored candidate has; None if none was scored."""
    variants = []
    for figure in AXES:
        points = [each for each in results.candidates if each.accuracy is not None and cost(each, figure) is not None]
        if points:
            variants.append((figure.title, _figure(results, figure, points)))
    if not variants:
        return None
    summary = f"{results.metric.name} of the candidates against their cost; all figures are in the table of candidates."
    return Chart("front", summary, tuple(variants), "Cost on the x axis")


def _figure(results: Results, figure: Figure, points: Sequence[Candidate]) -> PlotlyFigure:
    metric = results.metric
    judged = [each for each in points if each.measured and each.feasible] or [each for each in points if each.feasible]
    front = undominated(metric, judged, figure)
    ahead = {each.name for each in front}
    rest = [each for each in points if each.feasible and each.name not in ahead]
    behind, unmeasured = [each for each in rest if each.measured], [each for each in rest if not each.measured]
    over = [each for each in points if not each.feasible]
    untried = [each for each in results.candidates if each.accuracy is None and cost(each, figure) is not None]
    limit = results.budget.get(figure.key)
    low, high = _span(results, points)
    data = [
        _points(results, figure, unmeasured, "not measured", {"color": GREY, "opacity": 0.6, "size": 5}),
        _points(results, figure, behind, "dominated", {"color": GREY, "size": 9}),
        _points(results, figure, over, "over budget", {"color": GREY, "size": 8}, hollow=True),
        _untried(results, figure, untried),
        _staircase(metric, figure, front),
        *_cells(results, figure, front),
        _recommended(results, figure, points),
        _targets(results, figure, points, front),
    ]
    if limit is not None:
        data.append(_limit(figure, limit, low, high))
    values = [value for each in (*points, *untried) if (value := cost(each, figure)) is not None]
    y = {"title": title(metric.title), "range": [low, high] if metric.higher_is_better else [high, low]}
    x = cost_axis(figure, values if limit is None else [*values, limit])
    # Untried candidates have no score: they lie on an axis of their own, along the bottom.
    hidden = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    return {"data": [trace for trace in data if trace], "layout": layout(x, y, 460, yaxis2=hidden)}


def _span(results: Results, points: Sequence[Candidate]) -> tuple[float, float]:
    """Range of the metric's axis: all points and their intervals, and some air."""
    metric = results.metric
    values = [
        metric.shown(end) for each in points for end in (each.accuracy, *(interval(results, each) or ())) if end is not None
    ]
    low, high = min(values), max(values)
    air = 0.08 * (high - low) or max(abs(high) * 0.05, 1e-6)
    return low - 1.5 * air, high + air


def _hover(results: Results, figure: Figure, each: Candidate) -> str:
    lines = [f"<b>{plain(each.name, 60)}</b>", f"{plain(results.metric.name)}: {score(results.metric, each.accuracy)}"]
    if each.accuracy is not None:
        lines[-1] += " (integers, test)" if each.measured else " (validation)"
    lines.append(f"{figure.title}: {figure.text(cost(each, figure))} ({label(figure, each.measured, results.target)})")
    return "<br>".join([*lines, each.status])


def _points(
    results: Results, figure: Figure, rows: Sequence[Candidate], name: str, style: dict[str, Any], *, hollow: bool = False
) -> dict[str, Any] | None:
    """A trace of points, each with its cell's symbol; None of no points."""
    if not rows:
        return None
    suffix = "-open" if hollow else ""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [cost(each, figure) for each in rows],
        "y": [results.metric.shown(each.accuracy or 0.0) for each in rows],
        "text": [_hover(results, figure, each) for each in rows],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"symbol": [mark(each.cell).plotly + suffix for each in rows], **style},
    }


def _cells(results: Results, figure: Figure, front: Sequence[Candidate]) -> list[dict[str, Any] | None]:
    """The points of the front, a trace for each cell, with error bars."""
    traces: list[dict[str, Any] | None] = []
    for cell in dict.fromkeys(each.cell for each in front):
        rows = [each for each in front if each.cell == cell]
        style = {"color": mark(cell).colour, "size": 11}
        trace = _points(results, figure, rows, plain(cell), style)
        assert trace is not None
        intervals = [interval(results, each) for each in rows]
        if any(intervals):
            shown = [results.metric.shown(each.accuracy or 0.0) for each in rows]
            ends = [tuple(map(results.metric.shown, pair)) if pair else None for pair in intervals]
            trace["error_y"] = {
                "type": "data",
                "symmetric": False,
                "array": [pair[1] - at if pair else 0 for pair, at in zip(ends, shown, strict=True)],
                "arrayminus": [at - pair[0] if pair else 0 for pair, at in zip(ends, shown, strict=True)],
                "thickness": 1.2,
                "width": 4,
            }
        error = results.target.cycle_error_pct
        if figure not in EXACT and error and cycles_label(results.target).startswith("modelled"):
            trace["error_x"] = {"type": "percent", "value": error, "thickness": 1.2, "width": 4}
        traces.append(trace)
    return traces


def _staircase(metric: Metric, figure: Figure, front: Sequence[Candidate]) -> dict[str, Any] | None:
    if len(front) < 2:
        return None
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "front",
        "x": [cost(each, figure) for each in front],
        "y": [metric.shown(each.accuracy or 0.0) for each in front],
        "line": {"shape": "hv", "width": 1.5, "color": GREY},
        "hoverinfo": "skip",
    }


def _untried(results: Results, figure: Figure, rows: Sequence[Candidate]) -> dict[str, Any] | None:
    trace = _points(results, figure, rows, "not trained", {"color": GREY, "size": 7}, hollow=True)
    if trace is None:
        return None
    return {**trace, "y": [0.025] * len(rows), "yaxis": "y2"}


def _recommended(results: Results, figure: Figure, points: Sequence[Candidate]) -> dict[str, Any] | None:
    rows = [each for each in points if each.name == results.recommended]
    trace = _points(results, figure, rows, "recommended", {"size": 20, "line": {"width": 2}, "color": CHOSEN}, hollow=True)
    if trace is None:
        return None
    trace["marker"]["symbol"] = ["circle-open"]
    return {**trace, "hoverinfo": "skip", "hovertemplate": None}


def _targets(results: Results, figure: Figure, points: Sequence[Candidate], front: Sequence[Candidate]) -> dict[str, Any] | None:
    """Points without a look that a pointer finds before all others in their place: it takes the smallest, then the last."""
    rows = [*front, *(each for each in points if each.name == results.recommended)]
    trace = _points(results, figure, rows, "", {"size": 2, "opacity": 0})
    return trace and {**trace, "showlegend": False}


def _limit(figure: Figure, limit: float, low: float, high: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"budget {figure.text(limit)}",
        "x": [limit, limit],
        "y": [low - 10 * abs(high - low), high + 10 * abs(high - low)],
        "line": {"dash": "dash", "width": 1.5, "color": LIMIT},
        "hoverinfo": "name",
    }
