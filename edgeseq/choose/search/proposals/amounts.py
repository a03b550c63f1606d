"""Bytes, times and energies as a person reads them."""

from __future__ import annotations

import math

from edgeseq.choose.budget import Budget, Cost

NAMES = {"flash_bytes": "flash", "ram_bytes": "RAM", "latency_us": "latency", "energy_uj": "energy"}
OPTIONS = {"flash_bytes": "--flash", "ram_bytes": "--ram", "latency_us": "--latency", "energy_uj": "--energy"}


def amount(name: str, value: float) -> str:
    """Return a field of Cost with its unit.

    >>> amount("flash_bytes", 24576), amount("ram_bytes", 812), amount("latency_us", 2300.0), amount("energy_uj", 5.25)
    ('24.0 KB', '812 B', '2.3 ms', '5.25 uJ')
    """
    if name in ("flash_bytes", "ram_bytes"):
        return f"{value / 1024:.1f} KB" if value >= 1024 else f"{value:.0f} B"
    if name == "energy_uj":
        return f"{value:.3g} uJ"
    return f"{value / 1000:.3g} ms" if value >= 1000 else f"{value:.3g} us"


def excess_text(budget: Budget, cost: Cost) -> str:
    """Say by how much a cost is over; '' if it fits.

    >>> excess_text(Budget(flash_bytes=20480), Cost(24576, 800, 9000))
    '24.0 KB of flash, 4.0 KB (20 %) over'
    """
    parts = []
    for name, over in budget.excess(cost).items():
        limit = getattr(budget, name)
        share = f"{100 * over / limit:.2g} %" if over < limit else f"{1 + over / limit:.2g} times the budget"
        parts.append(f"{amount(name, limit + over)} of {NAMES[name]}, {amount(name, over)} ({share}) over")
    return "; ".join(parts)


def budget_text(budget: Budget) -> str:
    """Return the limits.

    >>> budget_text(Budget(24576, 3072, 2000.0))
    '24.0 KB of flash, 3.0 KB of RAM, 2 ms of latency'
    """
    limits = [(name, getattr(budget, name)) for name in NAMES]
    return ", ".join(f"{amount(name, limit)} of {NAMES[name]}" for name, limit in limits if limit is not None) or "no limit"


def as_options(budget: Budget) -> str:
    """Return the limits as options of the command line."""
    words = []
    for name, option in OPTIONS.items():
        limit = getattr(budget, name)
        if limit is not None:
            unit = {"latency_us": "us", "energy_uj": "uJ"}.get(name, "")
            # Rounded up: what is suggested must hold what it was made of.
            words.append(f"{option} {limit if unit == '' else _rounded_up(limit)}{unit}")
    return " ".join(words)


def _rounded_up(value: float) -> str:
    """Return a value of four digits or more, none of them after an exponent.

    >>> _rounded_up(1234567.2), _rounded_up(0.012341), _rounded_up(12.0)
    ('1234568', '0.01235', '12')
    """
    digits = max(0, 3 - math.floor(math.log10(value)))
    text = f"{math.ceil(value * 10**digits - 1e-9) / 10**digits:.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text
