"""What only a board has: a clock, memory that an image must fit, a current."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from edgeseq.measure.measurement import Measurement
from edgeseq.targets import Board


def board_table(boards: list[Board]) -> Table:
    """Boards with what bounds a model there, in 80 columns."""
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("board")
    table.add_column("", overflow="fold")
    table.add_column("core", no_wrap=True)
    for heading in ("MHz", "flash", "RAM", "µA/MHz"):
        table.add_column(heading, justify="right", no_wrap=True)
    for board in boards:
        current = "" if board.run_ua_per_mhz is None else f"{board.run_ua_per_mhz:g}"
        sizes = (f"{board.flash_bytes // 1024}K", f"{board.ram_bytes // 1024}K")
        table.add_row(board.name, board.description, board.core.name, f"{board.clock_hz / 1e6:g}", *sizes, current)
    return table


def board_document(board: Board) -> dict[str, Any]:
    """JSON of a board in `edgeseq targets`."""
    wait = board.wait_states
    return {
        "name": board.name,
        "description": board.description,
        "core": board.core.name,
        "clock_hz": board.clock_hz,
        "flash_bytes": board.flash_bytes,
        "ram_bytes": board.ram_bytes,
        "wait_states": None if wait is None else {"count": wait.count, "largest_stretch": wait.largest_stretch},
        "run_ua_per_mhz": board.run_ua_per_mhz,
        "supply_volts": board.supply_volts,
        "sources": dict(board.sources),
    }


def excess(value: Measurement) -> dict[str, int]:
    """Bytes that the image has beyond the board's memory, by kind; empty where it fits."""
    board = value.board
    assert board is not None  # the caller asked about one
    used = {
        "flash": (value.flash_image_bytes, board.flash_bytes),
        "RAM": (value.ram_image_bytes or 0, board.ram_bytes),
    }
    return {name: image - there for name, (image, there) in used.items() if image > there}


def figures(value: Measurement) -> dict[str, Any]:
    """JSON that `edgeseq profile` adds; null on a bare core."""
    board, found = value.board, value.on_board
    if board is None or found is None:
        return {"board": None, "latency_us": None, "energy_uj": None}
    energy = found.energy_uj
    return {
        "board": {**board_document(board), "fits": not excess(value)},
        "latency_us": {"value": round(found.latency_us, 3), "label": found.label},
        "energy_uj": None if energy is None else {"value": round(energy, 4), "label": found.energy_label},
    }


def notes(value: Measurement) -> list[str]:
    """What to print below the figures of a measurement on a board: time, energy, and whether it fits."""
    board, found = value.board, value.on_board
    if board is None or found is None:
        return []
    call = "window" if value.window else "step"
    energy = "unknown" if found.energy_uj is None else f"{found.energy_uj:,.3g} µJ"
    over = excess(value)
    if over:
        fits = "does not fit: " + ", ".join(f"{bytes_:,} B of {name} too many" for name, bytes_ in over.items())
    else:
        fits = f"fits: {board.flash_bytes:,} B of flash, {board.ram_bytes:,} B of RAM"
    return [
        f"{board.description} {fits}",
        f"time per {call}: {found.latency_us:,.1f} µs, {found.label}",
        f"energy per {call}: {energy}, as the time; {found.energy_label.removeprefix(found.label + '; ')}",
    ]
