"""The front door to every emulator."""

from __future__ import annotations

from typing import Protocol

from edgeseq.errors import TargetError
from edgeseq.firmware.build import Firmware
from edgeseq.measure import qemu_runner, simavr_runner, unicorn_runner
from edgeseq.measure.trace import EmulatedRun


class Runner(Protocol):
    """Run an image from reset over an input stream until it exits.

    count_after: trace the step function in all calls after that many; None traces nothing.
    count_all: also count every block from reset to exit.
    Raises EmulationError if the image faults or never exits, or the emulator is absent.
    """

    def __call__(self, firmware: Firmware, source: bytes, *, count_after: int | None, count_all: bool) -> EmulatedRun:
        """Return output, stack depth and counts; the same for every call with the same arguments."""


# Register in a list a reader can see; the names are those of targets/cores/*.toml.
RUNNERS: dict[str, Runner] = {
    "unicorn-arm": unicorn_runner.run_arm,
    "unicorn-riscv": unicorn_runner.run_riscv,
    "qemu": qemu_runner.run_image,
    "simavr": simavr_runner.run_image,
}


def run_image(firmware: Firmware, source: bytes, *, count_after: int | None = None, count_all: bool = False) -> EmulatedRun:
    """Run an image on its core's emulator; arguments and errors are those of Runner."""
    core = firmware.core
    if core.runner not in RUNNERS:
        raise TargetError(f"{core.name}: no runner {core.runner!r}; known: {', '.join(RUNNERS)}")
    return RUNNERS[core.runner](firmware, source, count_after=count_after, count_all=count_all)
