"""How each number was obtained, and the commands that obtain it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from edgeseq.report.figures import ENERGY, LATENCY, Figure, number, present
from edgeseq.report.figures import label as label_of
from edgeseq.report.html.parts import Cell, Section, Table, name
from edgeseq.report.results import Candidate, ComparedCell, Metric, Results, Target

HOW = {
    "flash_bytes": "read from the linked image: code, weights, tables, start-up",
    "ram_bytes": "static RAM of the linked image, and the deepest stack of the run",
    "instructions": "counted by the emulator, mean over the steps, or windows, after the first",
    "latency_us": "cycles divided by the clock",
    "energy_uj": "latency times the board's supply voltage and current",
}


def provenance(results: Results, run: str) -> Section:
    """One line for each figure: how it was obtained, and how far it can be off."""
    measured = results.kind == "comparison" or any(each.measured for each in results.candidates)
    guessed = results.kind == "search" and any(not each.measured for each in results.candidates)
    rows = [_metric_row(results, results.metric)]
    rows += [_cost_row(results, figure) for figure in present(results) if measured]
    if guessed:
        rows.append(
            (
                Cell("costs of the others"),
                Cell("predicted"),
                Cell("by the structure of the kernels, without compiling; in italics"),
            )
        )
    tables = [Table("Labels of the figures of measured candidates", ("figure", "label", "how"), tuple(rows))]
    tables += _error_tables(results.prediction_error)
    target, data = results.target, results.data
    clock = "" if target.clock_hz is None else f" at {target.clock_hz / 1e6:g} MHz"
    facts = [
        ("Target", f"{target.name}: {target.core}{clock}"),
        ("Source", target.source),
        ("Data", f"{data.name}: {data.task}, {data.features} features, windows of {data.window_steps} steps"),
        ("Windows", f"{data.train_windows:,} to train and {data.test_windows:,} to test on"),
        *(("Note", note) for note in data.notes),
        ("Written by", f"edgeseq {results.version}"),
    ]
    return Section("provenance", "How each number was obtained", "provenance.html.j2", {"tables": tables, "facts": facts})


def _metric_row(results: Results, metric: Metric) -> tuple[Cell, ...]:
    how = f"the exported integers on {results.data.test_windows:,} windows of the test part"
    return (Cell(metric.name), Cell("measured"), Cell(f"{how}; of candidates that were not measured, of the validation part"))


def _cost_row(results: Results, figure: Figure) -> tuple[Cell, ...]:
    # Of a board, the profile's own label tells of wait states and of where the current comes from.
    rows: tuple[Candidate | ComparedCell, ...] = (*results.candidates, *results.cells)
    profile: Mapping[str, Any] = next((row.profile for row in rows if row.profile), {})
    own = profile.get(figure.key) if figure in (LATENCY, ENERGY) else None
    label = (
        own["label"] if isinstance(own, Mapping) and "label" in own else label_of(figure, measured=True, target=results.target)
    )
    return (Cell(figure.heading), Cell(label), Cell(HOW.get(figure.key) or _how_cycles(results.target)))


def _how_cycles(target: Target) -> str:
    """How cycles were had on this core."""
    if target.tier.startswith("simulated"):
        return "counted by the simulator"
    return "instructions timed by a model of the core: the manual's table where it has one, else a mean per instruction"


def _error_tables(error: Any) -> list[Table]:
    """Tables of the predictor's error table, of whatever depth: a row for each list entry or for each leaf."""
    caption = "Error of the predictor, from held-out images, in percent"
    if isinstance(error, Mapping) and isinstance(error.get("rows"), Sequence):
        error = error["rows"]
    listed = isinstance(error, Sequence) and not isinstance(error, str) and all(isinstance(row, Mapping) for row in error)
    headings = tuple(dict.fromkeys(str(key) for row in error for key in row)) if listed else ()
    if headings:
        rows = tuple(tuple(_leaf(row.get(key)) for key in headings) for row in error)
        return [Table(caption, headings, rows)]
    if statistics := list(_statistics(error, ())):
        return _matrix(caption, statistics)
    leaves = list(_leaves(error, ()))
    if not leaves:
        return []
    rows = tuple((name(" ".join(path)), _leaf(value)) for path, value in leaves)
    return [Table(caption, ("of", "value"), rows)]


def _statistics(error: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield where statistics of a figure stand, with them and the figures beside them, such as of how many networks they are."""
    if not isinstance(error, Mapping):
        return
    beside = {str(key): value for key, value in error.items() if isinstance(value, (int, float))}
    for key, value in error.items():
        if isinstance(value, Mapping) and value and all(isinstance(each, (int, float)) for each in value.values()):
            yield (*path, str(key)), {**{str(each): figure for each, figure in value.items()}, **beside}
        else:
            yield from _statistics(value, (*path, str(key)))


def _matrix(caption: str, statistics: list[tuple[tuple[str, ...], dict[str, Any]]]) -> list[Table]:
    """A row for each figure, a column for each statistic."""
    headings = tuple(dict.fromkeys(key for _, value in statistics for key in value))
    rows = tuple((name(", ".join(path)), *(_leaf(value.get(heading)) for heading in headings)) for path, value in statistics)
    return [Table(caption, ("of", *headings), rows, frozenset(range(1, 1 + len(headings))))]


def _leaves(value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, (*path, str(key)))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, each in enumerate(value):
            yield from _leaves(each, (*path, str(index)))
    elif value is not None:
        yield path, value


def _leaf(value: Any) -> Cell:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return Cell("" if value is None else str(value), name=True)
    return Cell(number(value), value) if isinstance(value, (int, float)) else Cell(str(value), name=True)


def commands(results: Results, run: str) -> Section:
    """Commands to search again, and to export, verify and profile what is recommended."""
    lines = [("Run it again", shlex.join(results.command)), ("Make this page again", shlex.join(["edgeseq", "report", run]))]
    chosen = results.candidate(results.recommended)
    if chosen is not None and chosen.files.get("esq"):
        lines += _of_candidate(results, chosen, run)
    return Section("commands", "Commands", "commands.html.j2", {"lines": lines})


def _clock(results: Results) -> list[str]:
    """The clock that was asked for, where it may differ from the board's own."""
    words, target = list(results.command), results.target
    return ["--clock", words[words.index("--clock") + 1]] if target.board and "--clock" in words[:-1] else []


def _of_candidate(results: Results, chosen: Candidate, run: str) -> list[tuple[str, str]]:
    model = str(PurePosixPath(run, str(chosen.files["esq"])))
    core = ["--target", results.target.name, "--optimize", chosen.optimize]
    lines = [
        ("Export its C code", ["edgeseq", "export", model, *core, "--out", "model_c"]),
        ("Measure it", ["edgeseq", "profile", model, *core, *_clock(results)]),
    ]
    words = list(results.command)
    data = words[words.index("--data") + 1] if "--data" in words[:-1] else ""
    # `verify` reads whole windows of all columns.
    if data and not data.endswith(".csv") and not chosen.window and chosen.stride in (None, 1):
        check = ["edgeseq", "verify", model, "--input", data, "--against", f"c,{results.target.core}"]
        lines.append(("Compare it with the oracle", check))
    return [(title, shlex.join(line)) for title, line in lines]
