"""stdout carries results, stderr carries progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

RESULT = Console()
NOTES = Console(stderr=True)


def show(result: RenderableType, as_json: dict[str, Any], *, json_wanted: bool) -> None:
    """Print a result for a person, or as one JSON document."""
    if json_wanted:
        sys.stdout.write(json.dumps(as_json, indent=2) + "\n")
    else:
        RESULT.print(result)


def show_notes(notes: Iterable[str]) -> None:
    """Print what a user should know about the data."""
    for note in notes:
        NOTES.print(escape(note if note.startswith("warning") else f"note: {note}"), highlight=False, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress display on stderr; silent where stderr is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    with Progress(*columns, console=NOTES, transient=True, disable=not NOTES.is_terminal) as display:
        yield display


class Stages:
    """Named stages of a long command; on a plain stderr each start is one line."""

    def __init__(self, display: Progress) -> None:
        self._display = display
        self._task: TaskID | None = None

    def start(self, description: str, total: float | None = None) -> None:
        """Finish the stage before and begin another. total None: of unknown length."""
        if self._task is not None:
            self._display.update(self._task, total=1, completed=1, visible=False)
        if not NOTES.is_terminal:
            NOTES.print(description, highlight=False)
        self._task = self._display.add_task(description, total=total, note="")

    def advance(self, completed: float, note: str = "") -> None:
        """Report how far the current stage is."""
        if self._task is not None:
            self._display.update(self._task, completed=completed, note=note)
