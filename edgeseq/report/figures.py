"""The figures of a report: what each is called, how it is written, and how it was obtained."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseq.measure.on_board import tier_label
from edgeseq.report.results import Candidate, ComparedCell, Metric, Results, Target

NONE = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A cost. key: its field in results.json and, if it has a limit, in the budget."""

    key: str
    title: str
    unit: str

    @property
    def heading(self) -> str:
        """Title with its unit.

        >>> FLASH.heading
        'flash, B'
        """
        return f"{self.title}, {self.unit}" if self.unit else self.title

    def text(self, value: float | None) -> str:
        """Value with its unit, or a dash."""
        return NONE if value is None else f"{number(value)} {self.unit}".rstrip()


FLASH = Figure("flash_bytes", "flash", "B")
RAM = Figure("ram_bytes", "RAM", "B")
INSTRUCTIONS = Figure("instructions", "instructions", "")
CYCLES = Figure("cycles_per_step", "cycles", "")
LATENCY = Figure("latency_us", "latency", "µs")
ENERGY = Figure("energy_uj", "energy", "µJ")
FIGURES = (FLASH, RAM, INSTRUCTIONS, CYCLES, LATENCY, ENERGY)
LIMITED = (FLASH, RAM, LATENCY, ENERGY)
# The emulator counts these; the others follow from a model of the core.
EXACT = (FLASH, RAM, INSTRUCTIONS)


def number(value: float) -> str:
    """Whole numbers with separators, others with four significant digits.

    >>> number(12345), number(12345.6), number(3.14159), number(0.00012345)
    ('12,345', '12,346', '3.142', '0.0001234')
    """
    if value == round(value) or abs(value) >= 1000:
        return f"{round(value):,}"
    return f"{value:.4g}"


def score(metric: Metric, value: float | None) -> str:
    """The metric, shares in percent.

    >>> score(Metric("accuracy", True, "share"), 0.91234), score(Metric("mae", False, "kW"), 0.5)
    ('91.23 %', '0.5 kW')
    """
    if value is None:
        return NONE
    return f"{100 * value:.2f} %" if metric.is_share else f"{number(value)}{metric.suffix}"


def difference(metric: Metric, value: float | None) -> str:
    """A difference of the metric with its sign; shares in points.

    >>> difference(Metric("accuracy", True, "share"), -0.004)
    '-0.40 points'
    """
    if value is None:
        return NONE
    return f"{100 * value:+.2f} points" if metric.is_share else f"{value:+.4g}{metric.suffix}"


def gained(metric: Metric) -> str:
    """What a cell gains over an answer that needs no network, as it is counted.

    >>> gained(Metric("accuracy", True, "share")), gained(Metric("mae", False, "kW"))
    ('Points over an answer without a network', 'Per cent of the error of an answer without a network removed')
    """
    over = "an answer without a network"
    return f"Points over {over}" if metric.higher_is_better else f"Per cent of the error of {over} removed"


def percent(value: float) -> str:
    """Share of a limit.

    >>> percent(0.8349)
    '83 %'
    """
    return f"{100 * value:.0f} %"


def cycles_label(target: Target) -> str:
    """How far cycles, and what follows from them, can be trusted."""
    return tier_label(target.tier, target.cycle_error_pct)


def label(figure: Figure, measured: bool, target: Target) -> str:
    """How a figure was obtained: exact, modelled with its error, or predicted."""
    if not measured:
        return "predicted"
    return "exact" if figure in EXACT else cycles_label(target)


def cost(row: Candidate | ComparedCell, figure: Figure) -> float | None:
    """Return the figure of a row; None where it cannot be had."""
    value: float | None = getattr(row, figure.key)
    return value


def present(results: Results, figures: tuple[Figure, ...] = FIGURES) -> tuple[Figure, ...]:
    """Return those figures that some row has."""
    rows: tuple[Candidate | ComparedCell, ...] = (*results.candidates, *results.cells)
    return tuple(figure for figure in figures if any(cost(row, figure) is not None for row in rows))
