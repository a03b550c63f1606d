"""Learning curves and forecasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from edgeseq.report.html.charts.base import Chart, PlotlyFigure, layout, plain, title
from edgeseq.report.palette import GREY, SERIES, mark
from edgeseq.report.results import ComparedCell, Metric, Results
from edgeseq.report.selection import shown

# Axis of points that are windows, where one after the other means nothing.
WINDOWS = "test window"
History = Sequence[Mapping[str, float | None]]


def curves_chart(results: Results) -> Chart | None:
    """Training and validation by epoch, of the candidates dwelt on; a variant for each metric of the histories."""
    rows = [(each.name, each.history) for each in shown(results) if each.history]
    variants = []
    for key in _keys(history for _, history in rows):
        data = []
        for index, (name, history) in enumerate(rows):
            colour = SERIES[index % len(SERIES)]
            for field, line, part in ((f"val_{key}", {}, "validation"), (key, {"dash": "dot", "width": 1.5}, "training")):
                points = [(row["epoch"], row[field]) for row in history if row.get(field) is not None]
                if points:
                    data.append(_line(points, f"{plain(name)}, {part}", {"color": colour, **line}))
        variants.append((key, _by_epoch(key, data)))
    if not variants:
        return None
    return Chart("curves", "Learning curves: training and validation by epoch.", tuple(variants), "Metric")


def _keys(histories: Iterable[History]) -> list[str]:
    """Metrics of the histories: what is there for training or validation, the loss first."""
    names = dict.fromkeys(
        key.removeprefix("val_") for history in histories for row in history for key, value in row.items() if value is not None
    )
    return sorted((name for name in names if name not in ("epoch", "seconds", "learning_rate")), key=lambda name: name != "loss")


def seeds_chart(cells: Sequence[ComparedCell]) -> Chart | None:
    """Validation by epoch: the mean over a cell's seeds, and the band between the lowest and the highest."""
    variants = []
    for key in _keys(seed.history for cell in cells for seed in cell.seeds):
        data: list[dict[str, Any]] = []
        for cell in cells:
            data += _band(cell, key)
        if data:
            variants.append((key, _by_epoch(f"{key}, validation", data)))
    if not variants:
        return None
    return Chart("curves", "Learning curves: validation by epoch, mean and range over seeds.", tuple(variants), "Metric")


def _band(cell: ComparedCell, key: str) -> list[dict[str, Any]]:
    by_epoch: dict[float, list[float]] = {}
    for seed in cell.seeds:
        for row in seed.history:
            value, epoch = row.get(f"val_{key}"), row["epoch"]
            if value is not None and epoch is not None:
                by_epoch.setdefault(epoch, []).append(value)
    if not by_epoch:
        return []
    epochs = sorted(by_epoch)
    colour, group = mark(cell.cell).colour, cell.name
    edge = {"type": "scatter", "mode": "lines", "x": epochs, "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    fill = {"fill": "tonexty", "fillcolor": f"rgba({','.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))},0.18)"}
    return [
        {**edge, "y": [min(by_epoch[epoch]) for epoch in epochs], "legendgroup": group},
        {**edge, "y": [max(by_epoch[epoch]) for epoch in epochs], "legendgroup": group, **fill},
        {**_line([(epoch, fmean(by_epoch[epoch])) for epoch in epochs], plain(group), {"color": colour}), "legendgroup": group},
    ]


def _by_epoch(name: str, data: list[dict[str, Any]]) -> PlotlyFigure:
    return {"data": data, "layout": layout({"title": title("epoch")}, {"title": title(name)}, 380)}


def _line(points: Sequence[tuple[Any, Any]], name: str, line: dict[str, Any]) -> dict[str, Any]:
    mode = "lines" if len(points) > 1 else "markers"
    return {
        "type": "scatter",
        "mode": mode,
        "name": name,
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "line": {"width": 2, **line},
        "marker": {"color": line["color"]},
    }


def forecast_chart(results: Results) -> Chart | None:
    """Truth and forecast of the integers, a variant for each candidate dwelt on that has one."""
    variants = []
    for each in shown(results):
        if each.forecast and each.forecast["time"]:
            time, name = each.forecast["time"], each.forecast["name"]
            data = [
                _line(list(zip(time, each.forecast["truth"], strict=True)), "truth", {"color": GREY}),
                _line(list(zip(time, each.forecast["prediction"], strict=True)), "answer", {"color": mark(each.cell).colour}),
            ]
            axis = each.forecast.get("axis", "time")
            if axis == WINDOWS:
                data = [{**trace, "mode": "markers", "marker": {"color": trace["line"]["color"], "size": 5}} for trace in data]
            # Time stamps as they are written; Plotly would guess a date where it sees one.
            kind = {"type": "category"} if any(isinstance(at, str) for at in time) else {}
            figure = {
                "data": data,
                "layout": layout(
                    {"title": title(each.forecast.get("axis", "time")), **kind}, {"title": title(_axis(name, results.metric))}
                ),
            }
            variants.append((each.name, figure))
    if not variants:
        return None
    return Chart("forecast", "Truth and forecast over a stretch of the test part.", tuple(variants), "Candidate")


def _axis(name: str, metric: Metric) -> str:
    """Name of the series with its unit, which is that of an error of it."""
    return f"{name}, {metric.unit}" if metric.unit and not metric.is_share and metric.name in ("mae", "rmse") else name
