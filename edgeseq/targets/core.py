"""A processor core: how to compile for it, where its memory lies, how its cycles are modelled."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseq.errors import TargetError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_CORES = Path(__file__).parent / "cores"


@dataclass(frozen=True, slots=True)
class Core:
    """One file of targets/cores. Sizes in bytes.

    port: folders of firmware_templates/port, copied in order. zig_target is None where only gcc
    links. gcc_packages: what Debian calls the compiler and its C library. runner: a name of
    measure/runner.py; unicorn_cpu, qemu_machine and simavr_mcu are None where that emulator has
    no such core. cycle_table is None where the emulator itself counts cycles; cycle_error_pct is
    None where nothing was validated.
    """

    name: str
    description: str
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
    qemu_machine: str | None
    simavr_mcu: str | None
    cycle_table: str | None
    cycle_tier: str
    cycle_error_pct: float | None
    cycle_source: str


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
    return Core(
        name=data["name"],
        description=data["description"],
        port=tuple(data.get("port", ["cortex_m"])),
        zig_target=compiler.get("zig_target"),
        zig_cpu=compiler.get("zig_cpu"),
        gcc_prefix=compiler["gcc_prefix"],
        gcc_flags=tuple(compiler["gcc_flags"]),
        gcc_packages=compiler.get("gcc_packages", "gcc-arm-none-eabi libnewlib-arm-none-eabi"),
        flash_origin=memory["flash_origin"],
        flash_bytes=memory["flash_bytes"],
        ram_origin=memory["ram_origin"],
        ram_bytes=memory["ram_bytes"],
        runner=emulator.get("runner", "unicorn"),
        unicorn_cpu=emulator.get("unicorn_cpu"),
        qemu_machine=emulator.get("qemu_machine"),
        simavr_mcu=emulator.get("simavr_mcu"),
        cycle_table=cycles.get("table"),
        cycle_tier=cycles["tier"],
        cycle_error_pct=cycles.get("error_pct"),
        cycle_source=cycles["source"],
    )
