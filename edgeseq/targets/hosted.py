"""A target under an operating system or in a page: how to compile for it and what can run the result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeseq.errors import TargetError
from edgeseq.targets.core import Core, Optimize, core_names, kernels_of, load_core, read_toml

_HOSTED = Path(__file__).parent / "hosted"

Runner = Literal["process", "node"]


@dataclass(frozen=True, slots=True)
class HostedTarget:
    """One file of targets/hosted.

    kernel_set: its fast kernels. port: folder of firmware_templates/port. machines, features: what platform.machine() and
    /proc/cpuinfo must say for a native run. qemu: the user-mode emulator for every other machine,
    empty where there is none. libc_cpu: cpu that the C library is built for.
    """

    name: str
    description: str
    kernel_set: str
    port: str
    runner: Runner
    zig_target: str
    zig_cpu: str
    libc_cpu: str
    machines: tuple[str, ...]
    features: tuple[str, ...]
    qemu: str
    qemu_cpu: str

    def kernels(self, optimize: Optimize) -> str:
        """Kernel set of a mode, as for a core."""
        return kernels_of(self.kernel_set, optimize)


def hosted_names() -> tuple[str, ...]:
    """Names of the targets under an operating system or in a page, sorted."""
    return tuple(sorted(path.stem for path in _HOSTED.glob("*.toml")))


def load_target(name: str) -> Core | HostedTarget:
    """Return the core or hosted target of that name. Raises TargetError with the known names."""
    if name not in hosted_names():
        if name not in core_names():
            raise TargetError(f"unknown target {name!r}; known: {', '.join((*core_names(), *hosted_names()))}")
        return load_core(name)
    data = read_toml(_HOSTED / f"{name}.toml")
    compiler, run = data["compiler"], data["run"]
    return HostedTarget(
        name=data["name"],
        description=data["description"],
        kernel_set=data["kernel_set"],
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
