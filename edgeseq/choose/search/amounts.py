"""Bytes, times and energies as a person reads them."""

from __future__ import annotations

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
            words.append(
                f"{option} {limit:g}us"
                if name == "latency_us"
                else f"{option} {limit:g}uJ"
                if name == "energy_uj"
                else f"{option} {limit}"
            )
    return " ".join(words)
