"""Charts of a comparison: intervals of the pairs, the metric over flash, and what a KB or a microjoule buys."""

from __future__ import annotations

from typing import Any

from edgeseq.report.figures import ENERGY, FLASH, LATENCY, RAM, cost, difference, score
from edgeseq.report.html.charts.base import Chart, cost_axis, layout, plain, title
from edgeseq.report.palette import GREY, mark
from edgeseq.report.results import ComparedCell, Metric, Results

GAINS = (("per_kb", "per KB of flash"), ("per_uj", "per microjoule"), ("per_kilocycle", "per 1,000 cycles"))


def intervals_chart(results: Results) -> Chart | None:
    """Difference of each pair with its interval; one that holds zero shows no difference."""
    metric = results.metric
    rows = [pair for pair in results.pairs if None not in (pair.difference, pair.low, pair.high)]
    if not rows:
        return None
    middle = [metric.shown(pair.difference or 0.0) for pair in rows]
    names = [f"{plain(pair.a)} \N{MINUS SIGN} {plain(pair.b)}" for pair in rows]
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": middle,
        "y": names,
        "showlegend": False,
        "marker": {"size": 10, "color": [mark((results.cell(pair.a) or results.cells[0]).cell).colour for pair in rows]},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [metric.shown(pair.high or 0.0) - at for pair, at in zip(rows, middle, strict=True)],
            "arrayminus": [at - metric.shown(pair.low or 0.0) for pair, at in zip(rows, middle, strict=True)],
            "width": 6,
            "color": GREY,
        },
        "text": [
            f"{difference(metric, pair.difference)}, from {difference(metric, pair.low)} to {difference(metric, pair.high)}"
            for pair in rows
        ],
        "hovertemplate": "%{y}: %{text}<extra></extra>",
    }
    unit = "points" if metric.is_share else metric.unit
    better = "more is better" if metric.higher_is_better else "less is better"
    x = {
        "title": title(f"difference of {metric.name}{', ' if unit else ''}{unit} ({better})"),
        "zeroline": True,
        "zerolinewidth": 2,
    }
    y = {"type": "category", "range": [len(rows) - 0.5, -0.5]}
    summary = "Differences between cells with their intervals; the table of pairs has the figures."
    return Chart("intervals", summary, (("", {"data": [trace], "layout": layout(x, y, 120 + 44 * len(rows))}),))


def _bar(metric: Metric, row: ComparedCell) -> dict[str, Any]:
    """Interval of a cell's mean if the file has one, else the standard deviation over seeds."""
    if row.low is None or row.high is None or row.mean is None:
        return {"type": "data", "array": [metric.shown(row.std or 0.0)], "width": 6}
    up, down = metric.shown(row.high - row.mean), metric.shown(row.mean - row.low)
    return {"type": "data", "symmetric": False, "array": [up], "arrayminus": [down], "width": 6}


def cells_chart(results: Results) -> Chart | None:
    """The metric against a cost of choice: seeds as dots, the mean as a mark with its interval or standard deviation."""
    metric, variants = results.metric, []
    for figure in (FLASH, RAM, LATENCY, ENERGY):
        data: list[dict[str, Any]] = []
        for row in results.cells:
            at = cost(row, figure)
            if at is None or row.mean is None:
                continue
            own = mark(row.cell)
            seeds = [metric.shown(seed.accuracy) for seed in row.seeds if seed.accuracy is not None]
            dots = {"type": "scatter", "mode": "markers", "x": [at] * len(seeds), "y": seeds, "legendgroup": row.name}
            hover = f"{plain(row.name)}: {score(metric, row.mean)} at {figure.text(at)}"
            data += [
                {**dots, "showlegend": False, "hoverinfo": "skip", "marker": {"color": own.colour, "size": 5, "opacity": 0.5}},
                {
                    **dots,
                    "x": [at],
                    "y": [metric.shown(row.mean)],
                    "name": plain(row.name),
                    "text": [hover],
                    "hovertemplate": "%{text}<extra></extra>",
                    "marker": {"color": own.colour, "symbol": own.plotly, "size": 12},
                    "error_y": _bar(metric, row),
                },
            ]
        if data:
            values = [value for row in results.cells if (value := cost(row, figure)) is not None]
            y = {"title": title(metric.title), **({} if metric.higher_is_better else {"autorange": "reversed"})}
            variants.append((figure.title, {"data": data, "layout": layout(cost_axis(figure, values), y)}))
    if not variants:
        return None
    summary = f"{metric.name} of the cells against their cost; the table of cells has the figures."
    return Chart("cells", summary, tuple(variants), "Cost on the x axis")


def efficiency_chart(results: Results) -> Chart | None:
    """Bars: what is gained for a KB of flash, or for a microjoule."""
    variants = []
    unit = "points" if results.metric.higher_is_better else "per cent of error removed"
    for key, name in GAINS:
        rows = [(row, value) for row in results.cells if (value := getattr(row, key)) is not None]
        if rows:
            trace = {
                "type": "bar",
                "x": [plain(row.name) for row, _ in rows],
                "y": [value for _, value in rows],
                "text": [f"{value:.3g}" for _, value in rows],
                "textposition": "outside",
                "cliponaxis": False,
                "marker": {"color": [mark(row.cell).colour if row.cell else GREY for row, _ in rows]},
                "hovertemplate": "%{x}: %{text}<extra></extra>",
                "width": 0.5,
            }
            figure = {
                "data": [trace],
                "layout": layout({"type": "category"}, {"title": title(f"{unit} {name}")}, 340),
            }
            variants.append((name, figure))
    if not variants:
        return None
    return Chart("efficiency", "What each cell gains for a KB of flash or a microjoule.", tuple(variants), "Gain")
