"""What the doctor found, for a person and as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from edgeseq.doctor import SEVERITIES, Diagnosis, Finding
from edgeseq.doctor.wheels import Advice

SCHEMA = 1
_COLOURS = {"blocks": "bold red", "wrong": "bold magenta", "costs": "yellow", "note": "cyan"}
_VERDICTS = {"runs": "[green]runs[/]", "wrong": "[bold magenta]runs, but wrongly[/]", "refused": "[bold red]refused[/]"}


def as_text(value: Diagnosis) -> Group:
    """Verdicts first, then each finding with its way out; fits 80 columns."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("runtime", "verdict", *SEVERITIES):
        table.add_column(heading, justify="right" if heading in SEVERITIES else "left")
    for name, title in value.runtimes.items():
        own = [finding.severity for finding in value.findings if name in finding.runtimes]
        counts = (str(own.count(severity)) if severity in own else "" for severity in SEVERITIES)
        table.add_row(f"{name}: {title}", _VERDICTS[value.verdict(name)], *counts)
    parts: list[RenderableType] = [f"[bold]{escape(value.file)}[/]: {value.size_bytes:,} B"]
    parts += [Padding(escape(fact), (0, 0, 0, 2)) for fact in value.facts]
    parts.append(table)
    for finding in value.findings:
        parts += _finding(finding, value)
    if not value.findings:
        parts.append("Nothing found.")
    return Group(*parts)


def _finding(finding: Finding, value: Diagnosis) -> list[RenderableType]:
    runtimes = [name for name in finding.runtimes if name in value.runtimes]
    whom = "" if len(runtimes) == len(value.runtimes) else f" ({', '.join(runtimes)})"
    colour = _COLOURS[finding.severity]
    head = f"[{colour}]{finding.severity}[/] [bold]{finding.rule}[/]{escape(whom)}: {escape(finding.what)}"
    lines = [f"where: {finding.where}", f"why: {finding.why}", f"way out: {finding.way_out}"]
    return [head, *(Padding(escape(line), (0, 0, 0, 2)) for line in lines), ""]


def as_json(value: Diagnosis) -> dict[str, Any]:
    """JSON of `edgeseq doctor FILE`; docs/json.md."""
    return {
        "schema": SCHEMA,
        "file": value.file,
        "format": value.format,
        "size_bytes": value.size_bytes,
        "facts": list(value.facts),
        "healthy": value.healthy,
        "runtimes": {name: {"title": title, "verdict": value.verdict(name)} for name, title in value.runtimes.items()},
        "findings": [{**dataclasses.asdict(finding), "runtimes": list(finding.runtimes)} for finding in value.findings],
    }


def advice_as_text(value: Advice) -> Group:
    """What to type, and why the rest does not fit."""
    place = value.place
    glibc = f", glibc {place.glibc}" if place.glibc else ""
    system = f" ({place.system})" if place.system else ""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("runtime", "runs", "version", "why"):
        table.add_column(heading, overflow="fold")
    for choice in value.choices:
        version = choice.version or "[red]none[/]"
        table.add_row(choice.package, choice.runs, version, choice.reason)
    lines = [f"  {escape(choice.pip)}" for choice in value.choices if choice.pip]
    told = (
        ["Type one of:", *lines] if lines else ["No runtime installs from wheels there; 'edgeseq export --format c' needs none."]
    )
    systems = [f"  {line}" for line in value.systems]
    return Group(f"[bold]{place.machine}[/], Python {place.python}{glibc}{system}", table, *told, "", *systems)


def advice_as_json(value: Advice) -> dict[str, Any]:
    """JSON of `edgeseq doctor --target raspberry-pi`; docs/json.md."""
    return {
        "schema": SCHEMA,
        **dataclasses.asdict(value.place),
        "possible": value.possible,
        "runtimes": [dataclasses.asdict(choice) for choice in value.choices],
        "source": value.source,
    }
