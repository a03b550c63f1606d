"""Programs for an operating system: run natively or under QEMU's user mode, counted by a QEMU plugin, timed natively."""

from __future__ import annotations

import functools
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgeseq.errors import EmulationError
from edgeseq.firmware.hosted import HostedImage
from edgeseq.firmware.image import read_image
from edgeseq.measure.qemu_plugin import build_plugin
from edgeseq.targets import HostedTarget

_TIMEOUT_S = 600
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class StepCounts:
    """Instructions executed: steps, one entry per call of the step function with its callees; total, the whole process."""

    steps: tuple[int, ...]
    total: int


def runs_natively(target: HostedTarget) -> bool:
    """Whether this machine executes the target's instructions itself."""
    return sys.platform == "linux" and platform.machine() in target.machines and set(target.features) <= cpu_features()


def run_process(image: HostedImage, source: bytes) -> bytes:
    """Run a program over an input stream; returns its output stream.

    Natively where this machine can, else under QEMU. Raises EmulationError when neither is
    possible, or the program does not end as it should.
    """
    target = image.target
    return _run([str(image.path)] if runs_natively(target) else [*_qemu(target), str(image.path)], source, target)


def count_steps(image: HostedImage, source: bytes) -> StepCounts | None:
    """Count the instructions of every step under QEMU.

    None where it cannot be had exactly: no QEMU for a program that runs natively, or a QEMU
    built without plugins. Raises EmulationError as `run_process`, ToolchainError without a compiler.
    """
    target = image.target
    if runs_natively(target) and shutil.which(target.qemu) is None:
        return None
    qemu = _qemu(target)
    if not _has_plugins(qemu[0]):
        return None
    symbol = read_image(image.path).symbols.get(image.step_symbol or "")
    if symbol is None:
        raise EmulationError(f"{image.path}: symbol {image.step_symbol!r} is not in the image")
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        folder = Path(scratch)
        counts = folder / "counts.txt"
        plugin = f"file={build_plugin(qemu[0], 'count_steps.c', folder)},entry={symbol.address:#x},out={counts}"
        _run([*qemu, "-plugin", plugin, str(image.path)], source, target)
        lines = [line.split() for line in counts.read_text().splitlines()]
    steps = tuple(int(number) for name, number in lines if name == "step")
    totals = [int(number) for name, number in lines if name == "total"]
    if not steps or len(totals) != 1:
        raise EmulationError(f"{target.name}: the step function was never seen to return")
    return StepCounts(steps, totals[0])


def device_name() -> str:
    """What this machine calls itself: the board's name, the processor's, or its architecture."""
    board = Path("/proc/device-tree/model")
    if board.is_file():
        return board.read_text(errors="replace").strip("\0 \n")
    names = _cpuinfo_values("model name")
    return names[0].strip() if names else platform.machine()


@functools.cache
def cpu_features() -> frozenset[str]:
    """Instruction sets that /proc/cpuinfo lists; NEON is always there on 64-bit Arm, SSE2 on 64-bit x86."""
    return frozenset(word for value in _cpuinfo_values("flags|Features") for word in value.split())


def _cpuinfo_values(key: str) -> list[str]:
    if not _CPUINFO.is_file():
        return []
    return re.findall(rf"^(?:{key})\s*:(.*)$", _CPUINFO.read_text(errors="replace"), re.MULTILINE)


def _qemu(target: HostedTarget) -> list[str]:
    program = shutil.which(target.qemu)
    if program is None:
        why = "" if platform.machine() not in target.machines else f" without {', '.join(set(target.features) - cpu_features())}"
        raise EmulationError(
            f"{target.name}: this machine is {platform.machine()}{why}, and {target.qemu} is not on the PATH. Install it "
            "(Debian: apt-get install qemu-user)"
        )
    return [program, "-cpu", target.qemu_cpu]


@functools.cache
def _has_plugins(qemu: str) -> bool:
    done = subprocess.run([qemu, "--help"], capture_output=True, text=True, timeout=60, check=False)
    return "-plugin" in done.stdout


def _run(command: list[str], source: bytes, target: HostedTarget) -> bytes:
    try:
        done = subprocess.run(command, input=source, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmulationError(f"{target.name}: the program did not run ({error})") from error
    if done.returncode != 0:
        how = f"was ended by signal {-done.returncode}" if done.returncode < 0 else f"returned {done.returncode}"
        raise EmulationError(f"{target.name}: the program {how}. {done.stderr.decode(errors='replace').strip()[-500:]}".rstrip())
    return done.stdout
