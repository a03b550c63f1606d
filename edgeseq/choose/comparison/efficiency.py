"""What accuracy costs: points over a baseline per KB of flash, per microjoule and per 1000 cycles of a time step."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseq.measure.measurement import Measurement

KB = 1024


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Points over the baseline, see `scores.gain`, and what they cost; None where the cost cannot be had.

    per_kb: per 1024 bytes of the whole image; per_uj: per microjoule of a time step, on a board whose current has a
    source; per_kilocycle: per 1000 modelled cycles of a time step.
    """

    points: float
    per_kb: float
    per_uj: float | None
    per_kilocycle: float | None


def efficiency(points: float, cost: Measurement) -> Efficiency:
    """Return what so many points over the baseline cost."""
    energy_uj = cost.on_board.energy_uj if cost.on_board else None
    cycles = cost.cycles_per_step
    return Efficiency(
        points,
        points / (cost.flash_image_bytes / KB),
        points / energy_uj if energy_uj else None,
        points / (cycles.value / 1000) if cycles and cycles.value else None,
    )
