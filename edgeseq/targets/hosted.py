"""A target under an operating system or in a page: how to compile for it and what can run the result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgeseq.errors import TargetError
from edgeseq.targets.core import Core, core_names, load_core, tomllib

_HOSTED = Path(__file__).parent / "hosted"

Runner = Literal["process", "node"]


@dataclass(frozen=True, slots=True)
class HostedTarget:
    """One file of targets/hosted.

    port: folder of firmware_templates/port. machines, features: what platform.machine() and
    /proc/cpuinfo must say for a native run. qemu: the user-mode emulator for every other machine,
    empty where there is none. libc_cpu: cpu that the C library is built for.
    """

    name: str
    description: str
    port: str
    runner: Runner
    zig_target: str
    zig_cpu: str
    libc_cpu: str
    machines: tuple[str, ...]
    features: tuple[str, ...]
    qemu: str
    qemu_cpu: str


def hosted_names() -> tuple[str, ...]:
    """Names of the targets under an operating system or in a page, sorted."""
    return tuple(sorted(path.stem for path in _HOSTED.glob("*.toml")))


def target_names() -> tuple[str, ...]:
    """Names that `load_target` knows: bare cores, then hosted targets."""
    return (*core_names(), *hosted_names())


def load_target(name: str) -> Core | HostedTarget:
    """Return the core or hosted target of that name. Raises TargetError with the known names."""
    if name not in hosted_names():
        if name not in core_names():
            raise TargetError(f"unknown target {name!r}; known: {', '.join(target_names())}")
        return load_core(name)
    with (_HOSTED / f"{name}.toml").open("rb") as file:
        data: dict[str, Any] = tomllib.load(file)
    compiler, run = data["compiler"], data["run"]
    return HostedTarget(
        name=data["name"],
        description=data["description"],
        port=data["port"],
        runner=data["runner"],
        zig_target=compiler["zig_target"],
        zig_cpu=compiler["zig_cpu"],
        libc_cpu=compiler["libc_cpu"],
        machines=tuple(run["machines"]),
        features=tuple(run["features"]),
        qemu=run["qemu"],
        qemu_cpu=run["qemu_cpu"],
    )
