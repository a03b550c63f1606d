"""Compilers. Each is a command prefix, a version, and the flags it needs for a core."""

from __future__ import annotations

import functools
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeseq.errors import ToolchainError
from edgeseq.targets import Core, Optimize

CompilerName = Literal["zig", "gcc"]
COMPILERS: tuple[CompilerName, ...] = ("zig", "gcc")

COMMON_FLAGS = ("-std=c99", "-ffunction-sections", "-fdata-sections", "-g", "-fno-unwind-tables")
STRICT_FLAGS = ("-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wvla", "-Wundef", "-Wdouble-promotion", "-Werror")
_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler for one core, or for this host when core is None.

    command: what starts it; flags: what it always needs; version: one line for reports.
    """

    name: CompilerName
    command: tuple[str, ...]
    flags: tuple[str, ...]
    version: str

    def optimize_flag(self, optimize: Optimize) -> str:
        """The flag of an optimisation mode; zig's clang turns -O3 into -O2."""
        if optimize == "size":
            return "-Os"
        return "-O2" if self.name == "zig" else "-O3"

    def run(self, arguments: list[str], folder: Path) -> None:
        """Run the compiler in a folder; its own words become the error."""
        try:
            done = subprocess.run(
                [*self.command, *arguments], cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ToolchainError(f"{self.name}: could not run the compiler ({error})") from error
        if done.returncode != 0:
            raise ToolchainError(f"{self.version} refused the project:\n{done.stderr.strip()[-2000:]}")


def find_toolchain(core: Core | None, name: CompilerName = "zig") -> Toolchain:
    """Return a compiler for a core, or for this host (core None, zig only).

    A core that zig cannot link for has gcc alone, whatever the name.
    """
    if name == "zig" and (core is None or core.zig_target is not None):
        if importlib.util.find_spec("ziglang") is None:
            raise ToolchainError("no compiler: ziglang is not installed. Install it with: pip install 'edgeseq[emulate]'")
        command = (sys.executable, "-m", "ziglang")
        flags: tuple[str, ...] = ("-fno-sanitize=all",)
        if core is not None and core.zig_target is not None:
            flags += ("-target", core.zig_target, f"-mcpu={core.zig_cpu}")
        version = "zig " + _first_line(*command, "version")
        return Toolchain("zig", (*command, "cc"), flags, version)
    if core is None:
        raise ToolchainError("the host library is built with zig only")
    compiler = shutil.which(f"{core.gcc_prefix}gcc")
    if compiler is None:
        raise ToolchainError(
            f"{core.gcc_prefix}gcc is not on the PATH. Install it (Debian: apt-get install {core.gcc_packages})"
            f"{'' if core.zig_target is None else ', or use --compiler zig'}"
        )
    return Toolchain("gcc", (compiler,), core.gcc_flags, _first_line(compiler, "--version"))


@functools.cache
def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolchainError(f"{command[0]}: the compiler does not run ({error})") from error
    return done.stdout.splitlines()[0].strip()
