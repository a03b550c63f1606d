"""A folder with another architecture's Python, from Debian's packages, and wheels for it, from PyPI.

QEMU's user mode runs that Python on this machine. Nothing is installed here: apt-get and pip only download.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeseq.errors import EmulationError

_TOOLS = {"apt-get": "a Debian or Ubuntu", "dpkg-deb": "a Debian or Ubuntu"}
# What the runtimes' native parts link against.
_PACKAGES = ("python3", "libstdc++6", "libgomp1", "libatomic1")
# The oldest C library that any wheel is built for.
_OLDEST_GLIBC = 17


@dataclass(frozen=True, slots=True)
class Architecture:
    """debian: its name there; machine: in the names of wheels; cpuinfo: what a Raspberry Pi 4 says of each core."""

    name: str
    debian: str
    machine: str
    qemu: str
    cpuinfo: str


_CORTEX_A72 = "CPU implementer\t: 0x41\nCPU architecture: {}\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n"
ARCHITECTURES = {
    "aarch64": Architecture(
        "aarch64",
        "arm64",
        "aarch64",
        "qemu-aarch64",
        "BogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\n" + _CORTEX_A72.format(8),
    ),
    "armv7": Architecture(
        "armv7",
        "armhf",
        "armv7l",
        "qemu-arm",
        "model name\t: ARMv7 Processor rev 3 (v7l)\nBogoMIPS\t: 108.00\nFeatures\t: half thumb fastmult vfp edsp neon vfpv3 "
        "tls vfpv4 idiva idivt vfpd32 lpae evtstrm crc32\n" + _CORTEX_A72.format(7),
    ),
}


@dataclass(frozen=True, slots=True)
class ArmPython:
    """A Python of another architecture. version: 3.x; glibc: minor version of its C library."""

    architecture: Architecture
    root: Path
    version: str
    glibc: int

    def run(self, site: Path, arguments: Sequence[str]) -> str:
        """Run it with the packages of a folder beside its own; returns its standard output."""
        places = [site, self.root / "usr" / "lib" / "python3" / "dist-packages"]
        # Where Debian keeps numpy's, to which only an installation would link.
        libraries = [folder for name in ("blas", "lapack") for folder in self.root.glob(f"usr/lib/*/{name}")]
        variables = {"PYTHONHOME": str(self.root / "usr"), "PYTHONPATH": ":".join(map(str, places))}
        variables["LD_LIBRARY_PATH"] = ":".join(map(str, libraries))
        return _emulated(self.architecture, self.root, variables, [str(_python(self.root)), *arguments])


def make_python(architecture: Architecture, folder: Path, extra: Sequence[str] = ()) -> ArmPython:
    """Unpack Python and further Debian packages below a folder.

    Raises EmulationError, which says what is missing, where that cannot be done.
    """
    need([*_TOOLS, architecture.qemu])
    root = folder / "root"
    for name in ("state/lists/partial", "cache/archives/partial", "root/proc"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    settings = {
        "APT::Architecture": architecture.debian,
        "APT::Architectures": architecture.debian,
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "APT::Install-Recommends": "0",
    }
    apt = ["apt-get", "-qq", *(word for key, value in settings.items() for word in ("-o", f"{key}={value}"))]
    # A source of packages that is not needed may be out of reach; what is missing shows when it is asked for.
    subprocess.run([*apt, "update"], capture_output=True, check=False)
    _checked([*apt, "install", "--yes", "--download-only", *_PACKAGES, *extra])
    for package in sorted((folder / "cache" / "archives").glob("*.deb")):
        _checked(["dpkg-deb", "--extract", str(package), str(root)])
    # Runtimes look up the processor's features and give up on those of another architecture.
    cores = "".join(f"processor\t: {core}\n{architecture.cpuinfo}\n" for core in range(4))
    (root / "proc" / "cpuinfo").write_text(cores)
    code = "import platform, sys; print(*sys.version_info[:2], platform.libc_ver()[1].split('.')[1], platform.machine())"
    said = _emulated(architecture, root, {"PYTHONHOME": str(root / "usr")}, [str(_python(root)), "-c", code]).split()
    return ArmPython(architecture, root, f"{said[0]}.{said[1]}", int(said[2]))


def install_wheels(python: ArmPython, site: Path, requirements: Sequence[str]) -> dict[str, str] | None:
    """Unpack wheels of an architecture; returns their versions, None if one is not there for it."""
    machine = python.architecture.machine
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(python.glibc, _OLDEST_GLIBC - 1, -1)]
    platforms += [f"manylinux2014_{machine}", f"linux_{machine}"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target", str(site)]
    command += ["--implementation", "cp", "--python-version", python.version]
    command += [word for platform in platforms for word in ("--platform", platform)]
    done = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    if "No matching distribution found" in done.stderr:
        return None
    if done.returncode != 0:
        raise EmulationError(f"pip could not fetch {', '.join(requirements)}: {done.stderr.strip()[-500:]}")
    found = [re.fullmatch(r"(.+)-([^-]+)\.dist-info", path.name) for path in sorted(site.glob("*.dist-info"))]
    return {match[1].replace("_", "-"): match[2] for match in found if match}


def need(programs: Sequence[str]) -> None:
    """Raise EmulationError for the first program that is not on the PATH, with what brings it."""
    for program in programs:
        if shutil.which(program) is None:
            how = f"It is part of {_TOOLS[program]} system" if program in _TOOLS else "Debian: apt-get install qemu-user"
            raise EmulationError(f"{program} is not on the PATH; Arm's wheels cannot be run without it. {how}")


def _python(root: Path) -> Path:
    (found,) = root.glob("usr/bin/python3.[0-9]*[0-9]")
    return found


def _emulated(architecture: Architecture, root: Path, variables: dict[str, str], command: list[str]) -> str:
    settings = [word for name, value in variables.items() for word in ("-E", f"{name}={value}")]
    return _checked([architecture.qemu, "-L", str(root), *settings, *command])


def _checked(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shown = " ".join(command)
        how = f"was ended by signal {-done.returncode}" if done.returncode < 0 else f"returned {done.returncode}"
        raise EmulationError(f"{shown[:200]}: {how}. {done.stderr.strip()[-1000:]}")
    return done.stdout
