"""The report's pictures as PNG: the front, learning curves, the memory map, and those of a comparison."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgeseq.errors import MissingExtraError
from edgeseq.report.figures import FLASH, NONE, RAM, cost, score
from edgeseq.report.html.sections.costs import blocks_of
from edgeseq.report.palette import CHOSEN, GREY, LIMIT, SERIES, mark
from edgeseq.report.results import Candidate, Results
from edgeseq.report.selection import shown, undominated
from edgeseq.report.statistics import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TONES = ("#2f6fae", "#5c9ad2", "#9cc3e6", "#1b8a9a", "#63bcc8", "#a9dbe2", "#8b97a5", "#c0c8d1")
DOTS_PER_INCH = 144
Drawing = Callable[["Axes", Results], bool]


def draw(results: Results) -> dict[str, bytes]:
    """Return PNG files by name; a picture without anything to show is left out. Raises MissingExtraError."""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report") from error
    pictures: dict[str, bytes] = {}
    # Names of the data may hold dollar signs, which are no formulas, and letters that no font here has.
    with mpl.rc_context({"text.parse_math": False, "font.size": 10}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        for name, drawing in DRAWINGS[results.kind]:
            figure = Figure(figsize=(8, 4.8), layout="constrained")
            FigureCanvasAgg(figure)
            axes = figure.add_subplot()
            axes.spines[["top", "right"]].set_visible(False)
            if drawing(axes, results):
                file = io.BytesIO()
                figure.savefig(file, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
                pictures[f"{name}.png"] = file.getvalue()
    return pictures


def _front(axes: Axes, results: Results) -> bool:
    metric = results.metric
    points = [each for each in results.candidates if each.accuracy is not None and each.flash_bytes]
    if not points:
        return False
    judged = [each for each in points if each.measured and each.feasible] or [each for each in points if each.feasible]
    front = undominated(metric, judged, FLASH)
    ahead = {each.name for each in front}
    for each in points:
        if each.name not in ahead:
            symbol = mark(each.cell).matplotlib
            axes.plot(*_at(results, each), symbol, color=GREY, mfc=GREY if each.feasible else "none", ms=5, alpha=0.8)
    axes.step(*zip(*(_at(results, each) for each in front), strict=True), where="post", color=GREY, lw=1) if front else None
    named = set()
    for each in front:
        own, ends = mark(each.cell), interval(results, each)
        x, y = _at(results, each)
        bar = None if ends is None else [[max(0.0, y - metric.shown(ends[0]))], [max(0.0, metric.shown(ends[1]) - y)]]
        label = None if each.cell in named else _cut(each.cell)
        axes.errorbar(x, y, yerr=bar, fmt=own.matplotlib, color=own.colour, ms=8, capsize=3, label=label)
        named.add(each.cell)
    chosen = results.candidate(results.recommended)
    if chosen is not None and chosen in points:
        axes.plot(*_at(results, chosen), "o", mfc="none", mec=CHOSEN, ms=16, mew=1.8, label=f"recommended: {_cut(chosen.name)}")
    limit = results.budget.get(FLASH.key)
    if limit:
        axes.axvline(limit, color=LIMIT, ls="--", lw=1.2, label=f"budget {FLASH.text(limit)}")
    _finish(axes, FLASH.heading, metric.title, reverse=not metric.higher_is_better)
    return True


def _at(results: Results, each: Candidate) -> tuple[float, float]:
    return each.flash_bytes or 0.0, results.metric.shown(each.accuracy or 0.0)


def _curves(axes: Axes, results: Results) -> bool:
    rows = [(each.name, each.history) for each in shown(results) if each.history]
    drawn = False
    for index, (name, history) in enumerate(rows):
        for key, style, label in (("val_loss", "-", _cut(name)), ("loss", ":", None)):
            drawn |= _curve(axes, history, key, style, SERIES[index % len(SERIES)], label)
    _finish(axes, "epoch", "loss (solid: validation, dotted: training)")
    return drawn


def _curve(axes: Axes, history: Any, key: str, style: str, colour: str, label: str | None) -> bool:
    points = [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
    if points:
        axes.plot(*zip(*points, strict=True), style, color=colour, label=label, lw=1.6, marker="." if len(points) == 1 else None)
    return bool(points)


def _seeds(axes: Axes, results: Results) -> bool:
    drawn = False
    for row in results.cells:
        for index, seed in enumerate(row.seeds):
            label = _cut(row.name) if index == 0 else None
            drawn |= _curve(axes, seed.history, "val_loss", "-", mark(row.cell).colour, label)
    _finish(axes, "epoch", "validation loss, each seed")
    return drawn


def _memory(axes: Axes, results: Results) -> bool:
    """Bars of flash and RAM in kilobytes; RAM is the second of each pair."""
    if results.kind == "search":
        owners = [(each.name, blocks_of(each.memory, each.profile)) for each in shown(results)[:4]]
    else:
        owners = [(row.name, blocks_of(None, row.profile)) for row in results.cells]
    bars = [(f"{_cut(name, 28)}\n{kind.title}", blocks[key]) for name, blocks in owners if blocks for key, kind in MEMORIES]
    tones: dict[str, str] = {}
    for at, (_, blocks) in enumerate(bars):
        left = 0
        whole = sum(block["bytes"] for block in blocks) or 1
        for block in blocks:
            label = None if block["name"] in tones else _cut(block["name"])
            tone = tones.setdefault(block["name"], TONES[len(tones) % len(TONES)])
            # Flash and RAM differ by a factor of ten and more: each bar is filled to 100 %.
            axes.barh(at, 100 * block["bytes"] / whole, left=100 * left / whole, color=tone, label=label, height=0.6)
            left += block["bytes"]
        axes.text(101, at, FLASH.text(whole), va="center", fontsize=9)
    axes.set_yticks(range(len(bars)), [text for text, _ in bars])
    axes.invert_yaxis()
    axes.set_xlim(0, 116)
    _finish(axes, "share of the image, %", "")
    return bool(bars)


def _cells(axes: Axes, results: Results) -> bool:
    metric, drawn = results.metric, False
    for row in results.cells:
        at = cost(row, FLASH)
        if at is not None and row.mean is not None:
            own, label = mark(row.cell), f"{_cut(row.name)}: {score(metric, row.mean)}"
            bar = metric.shown(row.std or 0.0)
            axes.errorbar(
                at, metric.shown(row.mean), yerr=bar, fmt=own.matplotlib, color=own.colour, ms=9, capsize=4, label=label
            )
            seeds = [metric.shown(seed.accuracy) for seed in row.seeds if seed.accuracy is not None]
            axes.plot([at] * len(seeds), seeds, ".", color=own.colour, alpha=0.5)
            drawn = True
    _finish(axes, FLASH.heading, metric.title, reverse=not metric.higher_is_better)
    return drawn


def _pairs(axes: Axes, results: Results) -> bool:
    metric = results.metric
    rows = [(pair, pair.difference, pair.low, pair.high) for pair in results.pairs]
    names: list[str] = []
    for pair, middle, low, high in rows:
        if middle is None or low is None or high is None:
            continue
        at, x = len(names), metric.shown(middle)
        ends = [[x - metric.shown(low)], [metric.shown(high) - x]]
        axes.errorbar(x, at, xerr=ends, fmt="o", color=TONES[0], ms=7, capsize=5)
        names.append(f"{_cut(pair.a, 20)} \N{MINUS SIGN} {_cut(pair.b, 20)}")
    axes.axvline(0, color=GREY, lw=1)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    _finish(axes, f"difference of {metric.name}{', points' if metric.is_share else metric.suffix}", "")
    return bool(names)


def _finish(axes: Axes, x: str, y: str, *, reverse: bool = False) -> None:
    axes.set_xlabel(_cut(x, 80))
    if y:
        axes.set_ylabel(_cut(y, 80))
    if reverse:
        axes.invert_yaxis()
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        figure = axes.get_figure()
        assert figure is not None
        columns = min(len(labels), 4 if max(map(len, labels)) <= 28 else 2)
        figure.legend(handles, labels, fontsize=8, frameon=False, ncols=columns, loc="outside lower center")


def _cut(text: str, longest: int = 40) -> str:
    """Text in one line; a name that starts with an underscore would be left out of a legend."""
    line = " ".join(text.split()).lstrip("_") or NONE
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


MEMORIES = (("flash", FLASH), ("ram", RAM))
DRAWINGS: dict[str, tuple[tuple[str, Drawing], ...]] = {
    "search": (("front", _front), ("curves", _curves), ("memory", _memory)),
    "comparison": (("cells", _cells), ("pairs", _pairs), ("curves", _seeds), ("memory", _memory)),
}
