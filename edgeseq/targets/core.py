"""A processor core: how to compile for it, where its memory lies, how its cycles are modelled."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgeseq.errors import TargetError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Optimize = Literal["speed", "size"]
OPTIMIZE_MODES: tuple[Optimize, ...] = ("speed", "size")
Isa = Literal["thumb", "rv32", "avr"]

_CORES = Path(__file__).parent / "cores"


@dataclass(frozen=True, slots=True)
class QemuBoard:
    """The QEMU program and machine with a core's memory map.

    package: what Debian calls the program. ram: origin and size of the board's RAM that QEMU can
    keep in a file, if the map lies there.
    """

    program: str
    package: str
    machine: str
    options: tuple[str, ...]
    ram: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Core:
    """One file of targets/cores. Sizes in bytes.

    kernel_set: its fast kernels. isa: how code is decoded (measure/trace.py). port: folders of
    firmware_templates/port, copied in order. zig_target is None where only gcc links.
    gcc_packages: what Debian calls the compiler and its C library. runner: a name of
    measure/runner.py; unicorn_cpu, qemu and simavr_mcu are None where that emulator has no such
    core. Cycles come from cycle_table, from cycles_per_instruction, or where both are None from
    the emulator; cycle_error_pct is None where nothing was validated.
    """

    name: str
    description: str
    kernel_set: str
    isa: Isa
    port: tuple[str, ...]
    zig_target: str | None
    zig_cpu: str | None
    gcc_prefix: str
    gcc_flags: tuple[str, ...]
    gcc_packages: str
    flash_origin: int
    flash_bytes: int
    ram_origin: int
    ram_bytes: int
    runner: str
    unicorn_cpu: str | None
    qemu: QemuBoard | None
    simavr_mcu: str | None
    cycle_table: str | None
    cycles_per_instruction: float | None
    cycle_tier: str
    cycle_error_pct: float | None
    cycle_source: str

    def kernels(self, optimize: Optimize) -> str:
        """Kernel set of a mode."""
        return kernels_of(self.kernel_set, optimize)


def kernels_of(kernel_set: str, optimize: Optimize) -> str:
    """A target's own kernels for speed; for size those that make the smallest image on any target."""
    return kernel_set if optimize == "speed" else "compact"


def core_names() -> tuple[str, ...]:
    """Names that `load_core` knows, sorted."""
    return tuple(sorted(path.stem for path in _CORES.glob("*.toml")))


def load_core(name: str) -> Core:
    """Return the core of that name. Raises TargetError with the known names."""
    if name not in core_names():
        raise TargetError(f"unknown target {name!r}; known: {', '.join(core_names())}")
    data = read_toml(_CORES / f"{name}.toml")
    compiler, memory, emulator, cycles = data["compiler"], data["memory"], data["emulator"], data["cycles"]
    return Core(
        name=data["name"],
        description=data["description"],
        kernel_set=data["kernel_set"],
        isa=data["isa"],
        port=tuple(data["port"]),
        zig_target=compiler.get("zig_target"),
        zig_cpu=compiler.get("zig_cpu"),
        gcc_prefix=compiler["gcc_prefix"],
        gcc_flags=tuple(compiler["gcc_flags"]),
        gcc_packages=compiler["gcc_packages"],
        flash_origin=memory["flash_origin"],
        flash_bytes=memory["flash_bytes"],
        ram_origin=memory["ram_origin"],
        ram_bytes=memory["ram_bytes"],
        runner=emulator["runner"],
        unicorn_cpu=emulator.get("unicorn_cpu"),
        qemu=_qemu_board(emulator["qemu"]) if "qemu" in emulator else None,
        simavr_mcu=emulator.get("simavr_mcu"),
        cycle_table=cycles.get("table"),
        cycles_per_instruction=cycles.get("per_instruction"),
        cycle_tier=cycles["tier"],
        cycle_error_pct=cycles.get("error_pct"),
        cycle_source=cycles["source"],
    )


def read_toml(path: Path) -> dict[str, Any]:
    """A target's file."""
    with path.open("rb") as file:
        return tomllib.load(file)


def _qemu_board(data: dict[str, Any]) -> QemuBoard:
    ram = (data["ram"][0], data["ram"][1]) if "ram" in data else None
    return QemuBoard(data["program"], data["package"], data["machine"], tuple(data.get("options", ())), ram)
