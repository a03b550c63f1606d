"""Cycles on a board: time by its clock, energy by its current, and how far to trust them."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseq.targets import Board


@dataclass(frozen=True, slots=True)
class OnBoard:
    """What a number of cycles take on a board. energy_uj is None where no source tells the board's current."""

    latency_us: float
    energy_uj: float | None
    label: str
    energy_label: str


def on_board(board: Board, cycles: float) -> OnBoard:
    """Return time and energy of so many of the core's modelled cycles, at the board's clock and supply.

    Energy is that of the whole chip while it runs: microjoules = microseconds * watts.
    """
    latency_us = cycles / board.clock_hz * 1e6
    watts, label = board.run_watts, label_of(board)
    if watts is None:
        return OnBoard(latency_us, None, label, "no run current with a source")
    current = f"{board.run_ua_per_mhz:g} µA/MHz at {board.supply_volts:g} V"
    conditions = f" ({board.current_conditions})" if board.current_conditions else ""
    return OnBoard(latency_us, latency_us * watts, label, f"{label}; {current}{conditions}")


def label_of(board: Board) -> str:
    """What the figures rest on: the tier and error of the cycles, and what the flash can add to them."""
    return f"{tier_label(board.core.cycle_tier, board.core.cycle_error_pct)}; {_flash(board)}"


def tier_label(tier: str, error_pct: float | None) -> str:
    """How far cycles can be trusted.

    >>> tier_label("validated", 9.6), tier_label("rough", None)
    ('modelled (validated, ± 9.6 %)', 'modelled (rough, error unknown)')
    """
    if tier.startswith("simulated"):
        return tier
    error = "error unknown" if error_pct is None else f"± {error_pct:g} %"
    return f"modelled ({tier}, {error})"


def _flash(board: Board) -> str:
    clock = f"{board.clock_hz / 1e6:g} MHz"
    wait = board.wait_states
    if wait is None:
        return f"zero wait states assumed at {clock}"
    if wait.count == 0:
        return f"zero wait states at {clock}"
    states = f"{'at most ' * wait.at_most}{wait.count} wait state{'s' * (wait.count > 1)}"
    return (
        f"without the {states} of flash at {clock}, which stretch them at most "
        f"{wait.largest_stretch}-fold, less what prefetch and cache hide"
    )
