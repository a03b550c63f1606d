"""A board: a core with a clock, memory and a supply, every value with its source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeseq.errors import TargetError
from edgeseq.targets.core import Core, core_names, load_core, read_toml
from edgeseq.targets.hosted import HostedTarget, hosted_names, load_target

_BOARDS = Path(__file__).parent / "boards"


@dataclass(frozen=True, slots=True)
class WaitStates:
    """What the flash adds at the board's clock.

    count: cycles more per access, or at_most so many at a clock below the one they are given for. accesses_per_cycle: how
    many the core can ask for at once, instructions and data. zero_up_to_hz: the highest clock without any, where a source
    tells it.
    """

    count: int
    accesses_per_cycle: int
    zero_up_to_hz: int | None = None
    at_most: bool = False

    @property
    def largest_stretch(self) -> int:
        """Times as long as at zero wait states, if every cycle waited for every access: an upper bound.

        >>> WaitStates(3, 2).largest_stretch
        7
        """
        return 1 + self.count * self.accesses_per_cycle


@dataclass(frozen=True, slots=True)
class Board:
    """One file of targets/boards; None is what no source tells.

    core: with the board's memory, which images are linked for. clock_hz: the highest that the chip is rated for.
    flash_bytes, ram_bytes: for the whole image; RAM is the largest contiguous block. run_ua_per_mhz: supply current of the
    whole chip while it runs, and current_conditions, what the source says of it. sources: by section.
    """

    name: str
    description: str
    core: Core
    clock_hz: int
    flash_bytes: int
    ram_bytes: int
    wait_states: WaitStates | None
    run_ua_per_mhz: float | None
    current_conditions: str
    supply_volts: float | None
    sources: tuple[tuple[str, str], ...]

    def at(self, clock_hz: float) -> Board:
        """Return the board at a lower clock. Raises TargetError for a higher one than it is rated for."""
        if clock_hz > self.clock_hz:
            raise TargetError(f"--clock {clock_hz / 1e6:g} MHz: {self.name} runs at {self.clock_hz / 1e6:g} MHz at most")
        wait = self.wait_states
        if wait is not None and clock_hz < self.clock_hz:
            none = wait.zero_up_to_hz is not None and clock_hz <= wait.zero_up_to_hz
            wait = replace(wait, count=0) if none else replace(wait, at_most=True)
        return replace(self, clock_hz=round(clock_hz), wait_states=wait)

    @property
    def run_watts(self) -> float | None:
        """Power at the board's clock; None without a current or a voltage."""
        if self.run_ua_per_mhz is None or self.supply_volts is None:
            return None
        return self.run_ua_per_mhz * 1e-6 * (self.clock_hz / 1e6) * self.supply_volts


def board_names() -> tuple[str, ...]:
    """Names that `load_board` knows, sorted."""
    return tuple(sorted(path.stem for path in _BOARDS.glob("*.toml")))


def load_board(name: str) -> Board:
    """Return the board of that name. Raises TargetError with the known names."""
    if name not in board_names():
        raise TargetError(f"unknown board {name!r}; known: {', '.join(board_names())}")
    return read_board(_BOARDS / f"{name}.toml")


def read_board(path: Path) -> Board:
    """Read a board's file. Raises TargetError where a value or its source is missing."""
    data = read_toml(path)
    sections = {name: section for name, section in data.items() if isinstance(section, dict)}
    bare = [name for name, section in sections.items() if not section.get("source")]
    if bare:
        raise TargetError(f"{path}: [{bare[0]}] has no source; every section of a board names one")
    try:
        return _board(data, sections)
    except KeyError as error:
        raise TargetError(f"{path}: {error.args[0]!r} is missing; a board has name, description, core, clock, memory") from error


def _board(data: dict[str, Any], sections: dict[str, dict[str, Any]]) -> Board:
    clock_hz, wait = sections["clock"]["hz"], sections.get("wait_states")
    memory = {name: sections["memory"][name] for name in ("flash_bytes", "ram_bytes")}
    return Board(
        name=data["name"],
        description=data["description"],
        core=replace(load_core(data["core"]), **memory),
        clock_hz=clock_hz,
        **memory,
        wait_states=None if wait is None else WaitStates(wait["count"], wait["accesses_per_cycle"], wait.get("zero_up_to_hz")),
        run_ua_per_mhz=sections["current"]["run_ua_per_mhz"] if "current" in sections else None,
        current_conditions=sections.get("current", {}).get("conditions", ""),
        supply_volts=sections["supply"]["volts"] if "supply" in sections else None,
        sources=tuple((name, section["source"]) for name, section in sections.items()),
    )


def target_names() -> tuple[str, ...]:
    """Names that `resolve_target` knows: bare cores, hosted targets, boards."""
    return (*core_names(), *hosted_names(), *board_names())


def resolve_target(name: str) -> tuple[Core | HostedTarget, Board | None]:
    """Return what code is compiled for, and the board where the name is one's. Raises TargetError with the known names."""
    if name in board_names():
        board = load_board(name)
        return board.core, board
    if name not in target_names():
        raise TargetError(f"unknown target {name!r}; known: {', '.join(target_names())}")
    return load_target(name), None
