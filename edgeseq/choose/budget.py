"""What a network may cost, what it costs, and by how much it is too large."""

from __future__ import annotations

from dataclasses import dataclass, fields

UNITS = {"flash_bytes": "B of flash", "ram_bytes": "B of RAM", "latency_us": "us of latency", "energy_uj": "uJ"}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one decision costs on a target; None where it cannot be had.

    flash_bytes, ram_bytes: of the whole linked image, start-up, input and output included, as `profile` counts them.
    A decision is one time step of a model that streams, one window of one that maps windows: instructions, cycles,
    latency_us and energy_uj are of that.
    """

    flash_bytes: float
    ram_bytes: float
    instructions: float
    cycles: float | None = None
    latency_us: float | None = None
    energy_uj: float | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """Upper limits, inclusive; None: no limit."""

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    latency_us: float | None = None
    energy_uj: float | None = None

    def excess(self, cost: Cost) -> dict[str, float]:
        """Return by how much each limit is passed; empty if the cost fits. A figure that cannot be had passes no limit."""
        over = {}
        for each in fields(self):
            limit, value = getattr(self, each.name), getattr(cost, each.name)
            if limit is not None and value is not None and value > limit:
                over[each.name] = value - limit
        return over
