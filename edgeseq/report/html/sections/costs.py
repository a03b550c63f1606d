"""Where the bytes and the multiplications go, and what the integers change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeseq.report.figures import FLASH, NONE, RAM, number, score
from edgeseq.report.html.parts import Cell, Section, Table, figure, name
from edgeseq.report.results import Candidate, Results
from edgeseq.report.selection import shown

FORMS = (
    ("validation", "validation"),
    ("float_validation", "float, validation"),
    ("float", "float, test"),
    ("integer", "integers, test"),
    ("device", "device, test"),
)


def fidelity(results: Results, run: str) -> Section | None:
    """The metric of the float model, of the integers and of the image, side by side."""
    rows = [each for each in results.candidates if each.measured]
    rows = rows or [each for each in shown(results) if each.accuracy is not None]
    if not rows:
        return None
    forms = [(form, title) for form, title in FORMS if any(each.scores.get(form) is not None for each in rows)]
    table = Table(
        f"{results.metric.name} of each form, and integers that differ between oracle and image",
        ("candidate", *(title for _, title in forms), "mismatches"),
        tuple(
            (
                name(each.name),
                *(_score(results, each, form) for form, _ in forms),
                Cell("not verified")
                if each.mismatches is None
                else figure(number(each.mismatches), each.mismatches, _tone(each)),
            )
            for each in rows
        ),
        frozenset(range(1, 2 + len(forms))),
    )
    note = "The integers of the oracle, of the C code and of the emulated image are meant to be equal: 0 mismatches."
    return Section("fidelity", "Float, integers, device", "tables.html.j2", {"tables": [table], "note": note})


def _score(results: Results, each: Candidate, form: str) -> Cell:
    """Score of a form; of the device, on how many windows, where those are not all."""
    value, windows = each.scores.get(form), each.scores.get("device_windows")
    fewer = form == "device" and value is not None and windows is not None and windows < results.data.test_windows
    return figure(score(results.metric, value) + (f" ({windows:,.0f} windows)" if fewer and windows is not None else ""), value)


def _tone(each: Candidate) -> Any:
    return "bad" if each.mismatches else "good"


def layers(results: Results, run: str) -> Section | None:
    """Multiplications and bytes of each layer of the candidates dwelt on."""
    tables = []
    for each in shown(results)[:3]:
        costs = each.layer_costs or ()
        macs, weights = (sum(row[key] or 0 for row in costs) for key in ("macs", "weight_bytes"))
        rows = tuple(
            (
                name(row["name"]),
                name(row["kind"]),
                *_with_share(row["macs"], macs),
                *_with_share(row["weight_bytes"], weights),
            )
            for row in costs
        )
        if rows:
            headings = ("layer", "kind", "multiplications", "share", "weights, B", "share")
            tables.append(Table(each.name, headings, rows, frozenset({2, 3, 4, 5})))
    if not tables:
        return None
    return Section("layers", "Cost of each layer", "tables.html.j2", {"tables": tables, "note": ""})


def _with_share(value: int | None, whole: int) -> tuple[Cell, Cell]:
    if value is None:
        return Cell(NONE), Cell("")
    return figure(number(value), value), figure(f"{100 * value / whole:.0f} %" if whole else "", value)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a memory. share: of the bar's whole width, 0 to 1. tone: index of its shade."""

    name: str
    bytes: str
    share: float
    tone: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A memory of a candidate. limit: where the budget lies on the bar, 0 to 1; None: beyond it, or no budget."""

    title: str
    owner: str
    total: str
    blocks: tuple[Block, ...]
    limit: float | None
    limit_text: str


def memory(results: Results, run: str) -> Section | None:
    """Stacked bars of flash and RAM, all on one scale, with the budget."""
    owners: Sequence[tuple[str, Mapping[str, Any] | None]]
    if results.kind == "search":
        owners = [(each.name, blocks_of(each.memory, each.profile)) for each in shown(results)[:4]]
    else:
        owners = [(row.name, blocks_of(None, row.profile)) for row in results.cells]
    owners = [(owner, blocks) for owner, blocks in owners if blocks]
    if not owners:
        return None
    groups = []
    for kind, cost in (("flash", FLASH), ("ram", RAM)):
        limit = results.budget.get(cost.key)
        totals = [sum(block["bytes"] for block in blocks[kind]) for _, blocks in owners if blocks is not None]
        scale = max((*totals, limit or 0, 1)) * 1.02
        bars = [_bar(cost.title, owner, blocks[kind], limit, scale) for owner, blocks in owners if blocks is not None]
        groups.append((cost.title, bars))
    return Section("memory", "Memory map", "memory.html.j2", {"groups": groups})


def _bar(title: str, owner: str, blocks: Sequence[Mapping[str, Any]], limit: float | None, scale: float) -> Bar:
    total = sum(block["bytes"] for block in blocks)
    return Bar(
        title,
        owner,
        FLASH.text(total),
        tuple(Block(each["name"], FLASH.text(each["bytes"]), each["bytes"] / scale, index) for index, each in enumerate(blocks)),
        None if limit is None else limit / scale,
        "" if limit is None else f"budget {FLASH.text(limit)}",
    )


def blocks_of(memory: Mapping[str, Any] | None, profile: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return blocks of flash and RAM: the file's own, or those that the profile tells apart."""
    if memory is not None or profile is None:
        return memory
    flash, ram = profile["flash_bytes"], profile["ram_bytes"]
    blocks = {
        "flash": [("weights and tables", flash["model"]), ("code", flash["code"])],
        "ram": [("state", ram["state"]), ("scratch", ram["scratch"]), ("stack", ram["stack"] or 0)],
    }
    rest = {"flash": flash["image"], "ram": ram["image"] or 0}
    for kind, known in blocks.items():
        left = rest[kind] - sum(size for _, size in known)
        known.append(("start-up" if kind == "flash" else "input, output, start-up", max(0, left)))
    return {kind: [{"name": text, "bytes": size} for text, size in known if size] for kind, known in blocks.items()}
