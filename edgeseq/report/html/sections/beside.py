"""The best GRU beside the best LSTM."""

from __future__ import annotations

from edgeseq.report.figures import FIGURES, NONE, cost, difference, score
from edgeseq.report.html.parts import Cell, Section, Table, name
from edgeseq.report.results import Candidate, Results
from edgeseq.report.selection import best_of


def beside(results: Results, run: str) -> Section | None:
    """Figure by figure, with the difference; None where neither was trained."""
    gru, lstm = (best_of(results, cell) for cell in ("gru", "lstm"))
    if gru is None and lstm is None:
        return None
    rows = [(Cell("candidate"), *(name(row.name) if row else Cell("none trained") for row in (gru, lstm)), Cell(""))]
    rows.append(
        _row(
            results.metric.name,
            [score(results.metric, row.accuracy) if row else "" for row in (gru, lstm)],
            _gap(results, gru, lstm),
        )
    )
    for figure in FIGURES:
        values = [cost(row, figure) if row else None for row in (gru, lstm)]
        if any(value is not None for value in values):
            rows.append(_row(figure.title, [figure.text(value) for value in values], _relative(*values)))
    rows.append(_row("fits the budget", [_yes(row, "feasible") for row in (gru, lstm)]))
    rows.append(_row("measured", [_yes(row, "measured") for row in (gru, lstm)]))
    fitting = all(row.feasible for row in (gru, lstm) if row)
    table = Table(
        f"The best{' that fit the budget' if fitting else ''}; costs of one decision",
        ("", "GRU", "LSTM", "GRU against LSTM"),
        tuple(rows),
        frozenset({1, 2, 3}),
    )
    absent = next((cell for cell, row in (("GRU", gru), ("LSTM", lstm)) if row is None), None)
    note = f"No {absent} was trained in this search." if absent else ""
    return Section("beside", "Best GRU beside best LSTM", "tables.html.j2", {"tables": [table], "note": note})


def _row(title: str, texts: list[str], last: str = "") -> tuple[Cell, ...]:
    return (Cell(title), *(Cell(text) for text in texts), Cell(last))


def _gap(results: Results, gru: Candidate | None, lstm: Candidate | None) -> str:
    if gru is None or lstm is None or gru.accuracy is None or lstm.accuracy is None:
        return NONE
    if gru.measured != lstm.measured:  # one is of the test part, the other of the validation part
        return NONE
    return difference(results.metric, gru.accuracy - lstm.accuracy)


def _relative(one: float | None, other: float | None) -> str:
    return f"{100 * (one / other - 1):+.0f} %" if one is not None and other else NONE


def _yes(row: Candidate | None, field: str) -> str:
    if row is None:
        return ""
    return "yes" if getattr(row, field) else "no"
