"""What all charts share: their type, axes, ticks and how a text of the data gets into one."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeseq.report.figures import FLASH, RAM, Figure, number

PlotlyFigure = dict[str, Any]
LONGEST_NAME = 40
# An axis that spans more than this reads better in logarithms.
LOGARITHMIC = 4.0


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and its variants, between which the reader switches.

    key: id of its element. summary: what a reader who cannot see it is told. control: what the variants are of.
    """

    key: str
    summary: str
    variants: tuple[tuple[str, PlotlyFigure], ...]
    control: str = ""

    def as_json(self) -> list[dict[str, Any]]:
        """Return the variants as the page's script reads them."""
        return [{"label": name, **figure} for name, figure in self.variants]


def plain(text: str, longest: int = LONGEST_NAME) -> str:
    """Text of the data for a chart: Plotly reads tags and entities in texts, so none may be left.

    >>> plain("<b>a</b> & c")
    '&lt;b&gt;a&lt;/b&gt; &amp; c'
    """
    return html.escape(text if len(text) <= longest else f"{text[: longest - 1]}…", quote=False)


def layout(x: Mapping[str, Any], y: Mapping[str, Any], height: int = 420, **more: Any) -> dict[str, Any]:
    """A layout without colours of its own: the style sheet gives them, for screens light and dark and for paper."""
    axis = {"automargin": True, "zeroline": False, "ticks": "outside", "ticklen": 4}
    return {
        "autosize": True,
        "height": height,
        "margin": {"l": 48, "r": 16, "t": 16, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "bgcolor": "#1d242c", "bordercolor": "#1d242c", "font": {"color": "#ffffff"}},
        # Plotly darkens what is behind the buttons of a chart without a colour, and puts them over the legend.
        "modebar": {"orientation": "v", "bgcolor": "rgba(0,0,0,0)"},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "xaxis": {**axis, **x},
        "yaxis": {**axis, **y},
        **more,
    }


def title(text: str) -> dict[str, Any]:
    """Title of an axis."""
    return {"text": plain(text, 80), "standoff": 8}


def cost_axis(figure: Figure, values: Sequence[float]) -> dict[str, Any]:
    """Axis of a cost: in logarithms, with ticks at powers of two or at 1, 2 and 5, where it spans much."""
    axis: dict[str, Any] = {"title": title(figure.heading)}
    positive = [value for value in values if value > 0]
    if not positive or len(positive) < len(values) or max(positive) / min(positive) <= LOGARITHMIC:
        return {**axis, "tickformat": ","} if figure in (FLASH, RAM) else axis
    low, high = min(positive) / 1.3, max(positive) * 1.3
    ticks = _doublings(low, high) if figure in (FLASH, RAM) else _one_two_five(low, high)
    return {
        **axis,
        "type": "log",
        "range": [math.log10(low), math.log10(high)],
        "tickvals": ticks,
        "ticktext": [_short(tick, figure) for tick in ticks],
    }


def _doublings(low: float, high: float) -> list[float]:
    powers = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
    step = max(1, math.ceil(len(powers) / 8))
    return [2.0**power for power in powers[::step]]


def _one_two_five(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = (1, 2, 5) if len(decades) <= 4 else (1,)
    return [tick for decade in decades for digit in digits if low <= (tick := digit * 10.0**decade) <= high]


def _short(value: float, figure: Figure) -> str:
    """Tick in few characters.

    >>> from edgeseq.report.figures import CYCLES
    >>> _short(16384, FLASH), _short(512, RAM), _short(20_000, CYCLES), _short(0.5, CYCLES)
    ('16K', '512', '20k', '0.5')
    """
    if figure in (FLASH, RAM):
        return f"{value / 1024:g}K" if value >= 1024 else f"{value:g}"
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{suffix}"
    return number(value)
