"""Colours and marks of the cells: middle tones that keep a contrast of 3:1 on white and on near-black."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """How a cell is drawn: colour, and the symbol's name in Plotly and in matplotlib."""

    colour: str
    plotly: str
    matplotlib: str


MARKS = {
    "gru": Mark("#2f7fc1", "circle", "o"),
    "lstm": Mark("#c9651f", "square", "s"),
    "rnn": Mark("#2e8b57", "triangle-up", "^"),
    "fastgrnn": Mark("#8a63c9", "triangle-down", "v"),
    "mgu": Mark("#b8478f", "pentagon", "p"),
    "mingru": Mark("#1b8a9a", "hexagon", "h"),
    "tcn": Mark("#8a7a1f", "star-triangle-up", "<"),
    "transformer": Mark("#c9404f", "star-square", "D"),
}
HYBRID = Mark("#9a6a48", "diamond", "d")
GREY = "#87919e"
CHOSEN = "#2f9e5f"
LIMIT = "#d0453b"
# Series that are no cells.
SERIES = tuple(mark.colour for mark in MARKS.values())


def mark(cell: str) -> Mark:
    """Return the mark of a cell; layers of several cells share one."""
    return MARKS.get(cell, HYBRID)
