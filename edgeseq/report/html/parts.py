"""What a page is made of: sections, tables and bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from edgeseq.report.html.charts.base import Chart

Tone = Literal["", "good", "bad", "soft"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table. sort: what a column is ordered by, where it is not the text. name: a name of the data."""

    text: str
    sort: float | None = None
    tone: Tone = ""
    name: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table. headings: of the columns; those in `numbers` are set to the right."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page. key: its anchor. template: its file in templates/. values: what that reads."""

    key: str
    title: str
    template: str
    values: Mapping[str, Any]
    charts: tuple[Chart, ...] = field(default=())


def name(text: str) -> Cell:
    """Cell that holds a name of the data."""
    return Cell(text, name=True)


def figure(text: str, value: float | None, tone: Tone = "") -> Cell:
    """Cell of a number: its text, and the value that it is ordered by."""
    return Cell(text, value, tone)
