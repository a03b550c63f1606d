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
Isa = Literal["thumb", "rv32"]

_CORES = Path(__file__).parent / "cores"


@dataclass(frozen=True, slots=True)
class Core:
    """One file of targets/cores. Sizes in bytes.

    kernel_set: its fast kernels. isa: how code is decoded (measure/trace.py). port: folders of firmware_templates/port, copied
    in order; together they give startup.c, es_port.c, es_exit.c and link.ld. gcc_packages: what
    Debian calls the compiler and its C library. runner: a name of measure/runner.py; qemu,
    qemu_machine and qemu_options: the QEMU program and board with this memory map;
    board_ram: origin and size of the board's RAM that QEMU keeps in a file, if the map lies there. Cycles come from cycle_table,
    or where that is None from cycles_per_instruction; cycle_error_pct is None where nothing was
    validated.
    """

    name: str
    description: str
    kernel_set: str
    isa: Isa
    port: tuple[str, ...]
    zig_target: str
    zig_cpu: str
    gcc_prefix: str
    gcc_flags: tuple[str, ...]
    gcc_packages: str
    flash_origin: int
    flash_bytes: int
    ram_origin: int
    ram_bytes: int
    runner: str
    unicorn_cpu: str | None
    qemu: str
    qemu_package: str
    qemu_machine: str
    qemu_options: tuple[str, ...]
    board_ram: tuple[int, int] | None
    cycle_table: str | None
    cycles_per_instruction: float | None
    cycle_tier: str
    cycle_error_pct: float | None
    cycle_source: str

    def kernels(self, optimize: Optimize) -> str:
        """Kernel set of a mode: the core's own for speed; the portable one, which is the smallest, for size."""
        return self.kernel_set if optimize == "speed" else "portable"


def core_names() -> tuple[str, ...]:
    """Names that `load_core` knows, sorted."""
    return tuple(sorted(path.stem for path in _CORES.glob("*.toml")))


def load_core(name: str) -> Core:
    """Return the core of that name. Raises TargetError with the known names."""
    if name not in core_names():
        raise TargetError(f"unknown target {name!r}; known: {', '.join(core_names())}")
    with (_CORES / f"{name}.toml").open("rb") as file:
        data: dict[str, Any] = tomllib.load(file)
    compiler, memory, emulator, cycles = data["compiler"], data["memory"], data["emulator"], data["cycles"]
    if ("table" in cycles) == ("per_instruction" in cycles):
        raise TargetError(f"{name}: [cycles] must have either a table or per_instruction")
    return Core(
        name=data["name"],
        description=data["description"],
        kernel_set=data["kernel_set"],
        isa=data["isa"],
        port=tuple(data["port"]),
        zig_target=compiler["zig_target"],
        zig_cpu=compiler["zig_cpu"],
        gcc_prefix=compiler["gcc_prefix"],
        gcc_flags=tuple(compiler["gcc_flags"]),
        gcc_packages=compiler["gcc_packages"],
        flash_origin=memory["flash_origin"],
        flash_bytes=memory["flash_bytes"],
        ram_origin=memory["ram_origin"],
        ram_bytes=memory["ram_bytes"],
        runner=emulator["runner"],
        unicorn_cpu=emulator.get("unicorn_cpu"),
        qemu=emulator["qemu"],
        qemu_package=emulator["qemu_package"],
        qemu_machine=emulator["qemu_machine"],
        qemu_options=tuple(emulator.get("qemu_options", ())),
        board_ram=tuple(emulator["board_ram"]) if "board_ram" in emulator else None,
        cycle_table=cycles.get("table"),
        cycles_per_instruction=cycles.get("per_instruction"),
        cycle_tier=cycles["tier"],
        cycle_error_pct=cycles.get("error_pct"),
        cycle_source=cycles["source"],
    )
