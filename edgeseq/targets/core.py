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
_CORES = Path(__file__).parent / "cores"


@dataclass(frozen=True, slots=True)
class Core:
    """One file of targets/cores. Sizes in bytes.

    kernel_set: its fast kernels. cycle_error_pct is None where nothing was validated.
    """

    name: str
    description: str
    kernel_set: str
    zig_target: str
    zig_cpu: str
    gcc_prefix: str
    gcc_flags: tuple[str, ...]
    flash_origin: int
    flash_bytes: int
    ram_origin: int
    ram_bytes: int
    unicorn_cpu: str
    qemu_machine: str
    cycle_table: str
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
    return Core(
        name=data["name"],
        description=data["description"],
        kernel_set=data["kernel_set"],
        zig_target=compiler["zig_target"],
        zig_cpu=compiler["zig_cpu"],
        gcc_prefix=compiler["gcc_prefix"],
        gcc_flags=tuple(compiler["gcc_flags"]),
        flash_origin=memory["flash_origin"],
        flash_bytes=memory["flash_bytes"],
        ram_origin=memory["ram_origin"],
        ram_bytes=memory["ram_bytes"],
        unicorn_cpu=emulator["unicorn_cpu"],
        qemu_machine=emulator["qemu_machine"],
        cycle_table=cycles["table"],
        cycle_tier=cycles["tier"],
        cycle_error_pct=cycles.get("error_pct"),
        cycle_source=cycles["source"],
    )
