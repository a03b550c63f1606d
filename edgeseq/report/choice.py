"""The result of a search for a person, in 80 columns."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from edgeseq.choose.prediction.network import kind_by
from edgeseq.measure.on_board import tier_label

Document = dict[str, Any]


def as_text(document: Document, *, explained: bool) -> Group:
    """Verdict first, then the finalists, the best GRU and LSTM side by side, and how the figures were obtained.

    document: results.json of a search. explained: also say why each rejected candidate lost.
    """
    first, *rest = document["verdict"]
    parts: list[RenderableType] = [f"[bold]{escape(first)}[/]", *map(escape, rest)]
    measured = sorted((each for each in document["candidates"] if each["measured"]), key=lambda each: _order(each, document))
    if measured:
        parts += [_table(measured, document), *_side_by_side(measured, document)]
    parts += [_counts(document), *_sources(document, measured)]
    if explained:
        parts += ["", "[bold]Why the others lost[/]", *_reasons(document)]
    return Group(*parts)


def _order(candidate: Document, document: Document) -> tuple[bool, float]:
    sign = -1 if document["metric"]["higher_is_better"] else 1
    return candidate["name"] != document["recommended"], sign * candidate["accuracy"]


def _score(value: float | None, document: Document) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.2f}" if document["metric"]["unit"] == "share" else f"{value:.4g}"


def _heading(document: Document) -> str:
    return "acc, %" if document["metric"]["unit"] == "share" else str(document["metric"]["name"])


def _table(measured: list[Document], document: Document) -> Table:
    timed = any(each["latency_us"] is not None for each in measured)
    energy = any(each["energy_uj"] is not None for each in measured)
    table = Table(title="Finalists, measured", box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    table.add_column("candidate", overflow="fold")
    columns = [
        "for",
        "float",
        _heading(document),
        "flash",
        "RAM",
        "us" if timed else "instr.",
        *(["uJ"] if energy else []),
        "fits",
    ]
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for each in measured:
        mark = "[bold]" if each["name"] == document["recommended"] else ""
        time = each["latency_us"] if timed else each["instructions"]
        table.add_row(
            f"{mark}{escape(each['name'])}{_seen(each)}",
            each["optimize"],
            _score(each["scores"]["float"], document),
            _score(each["accuracy"], document),
            f"{each['flash_bytes']:,}",
            f"{each['ram_bytes']:,}",
            f"{time:,.0f}",
            *([f"{each['energy_uj']:.3g}" if each["energy_uj"] is not None else "-"] if energy else []),
            "yes" if each["feasible"] else "[red]no[/]",
        )
    return table


def _seen(candidate: Document) -> str:
    """Window and stride, where a candidate does not see all of a window."""
    words = [f"last {candidate['window']}"] if candidate["window"] else []
    words += [f"every {candidate['stride']}"] if candidate["stride"] > 1 else []
    return f" ({', '.join(words)})" if words else ""


def _side_by_side(measured: list[Document], document: Document) -> list[RenderableType]:
    """The best GRU beside the best LSTM that were measured, those that fit first."""
    best = {}
    for cell in ("gru", "lstm"):
        own = sorted(
            (each for each in measured if each["cell"] == cell),
            key=lambda each: (not each["feasible"], _order(each, document)[1]),
        )
        if not own:
            return []
        best[cell] = own[0]
    gru, lstm = best["gru"], best["lstm"]
    table = Table(title="Best GRU and best LSTM", box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    for heading in ("", gru["name"], lstm["name"], "GRU/LSTM"):
        table.add_column(escape(heading), justify="right" if heading else "left")
    table.add_row(f"integers, {_heading(document)}", *(_score(each["accuracy"], document) for each in (gru, lstm)), "")
    for name, label in (("flash_bytes", "flash, B"), ("ram_bytes", "RAM, B"), ("instructions", "instructions a decision")):
        a, b = gru[name], lstm[name]
        table.add_row(label, f"{a:,.0f}", f"{b:,.0f}", f"{a / b:.2f}")
    return [table]


def _counts(document: Document) -> str:
    states = [each["status"] for each in document["candidates"]]
    names = ("measured", "trained", "stopped early", "infeasible", "failed")
    told = ", ".join(f"{states.count(name)} {name}" for name in names if name in states)
    return f"{len(states)} candidates: {told}. Front: {escape(', '.join(document['front']) or 'none')}"


def _sources(document: Document, measured: list[Document]) -> list[str]:
    """How each kind of figure was obtained."""
    target, data = document["target"], document["data"]
    compiler = next((each["profile"]["compiler"] for each in measured if each["profile"]), None)
    exact = [each for each in measured if not each["mismatches"]]
    lines = [
        f"{data['name']}: scores are of {data['test_windows']:,} test windows, by the oracle's integers; the emulated core gave "
        f"the same on {_windows_run(exact)} of them"
        if exact
        else "",
        f"flash, RAM, instructions: exact, from the linked image ({compiler}) and the emulator" if compiler else "",
    ]
    if target["clock_hz"] is not None:
        figures = "us, uJ" if any(each["energy_uj"] is not None for each in document["candidates"]) else "us"
        waits = "" if target["tier"].startswith("simulated") else ", without flash wait states"
        label = tier_label(target["tier"], target["cycle_error_pct"])
        lines.append(f"{figures}: {label} at {target['clock_hz'] / 1e6:g} MHz{waits}")
    kinds = {kind_by(each["cell"], each["units"]) for each in document["candidates"]}
    for mode in document["options"]["modes"]:
        for kind, errors in document["prediction_error"].get(mode, {}).items():
            lines += [f"{mode} kernels, {kind} networks, before measuring: {errors['label']}"] if kind in kinds else []
    if len(measured) > 1:
        told = (
            "scored on the test part that they were compared on; the best of them, and differences to it, are a little too good"
        )
        lines.append(f"each of the {len(measured)} finalists is shown as it {told}")
    return [f"[dim]{escape(line)}[/]" for line in lines if line]


def _windows_run(exact: list[Document]) -> str:
    """How many test windows the core ran, of each candidate."""
    counts = [each["scores"]["device_windows"] for each in exact]
    return f"{min(counts):,}" if min(counts) == max(counts) else f"{min(counts):,} to {max(counts):,}"


def _reasons(document: Document) -> list[str]:
    rejected = [each for each in document["candidates"] if each["reason"]]
    return [f"[bold]{escape(each['name'])}[/]: {escape(each['reason'])}" for each in rejected]
