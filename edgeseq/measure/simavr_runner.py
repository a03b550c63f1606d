"""Emulation of an AVR image by simavr: outputs, exact instructions and simavr's own cycle count, stack depth.

simavr is a C library, so a small driver (firmware_templates/tools/simavr_driver.c) is compiled for this
machine first; it serves the I/O registers that the port reads and writes.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from edgeseq.errors import EmulationError, ToolchainError
from edgeseq.firmware import find_toolchain
from edgeseq.firmware.build import Firmware
from edgeseq.firmware.image import Image, read_image
from edgeseq.measure.trace import EmulatedRun, StepTotals
from edgeseq.resources import templates_root

# Addresses of SRAM in an AVR ELF have this added.
_DATA_SPACE = 0x800000
_TIMEOUT_S = 1800


def run_image(firmware: Firmware, source: bytes, *, count_after: int | None, count_all: bool) -> EmulatedRun:
    """Run the image from reset over an input stream until it exits; see measure.runner.Runner.

    count_all is of no use here: simavr knows no blocks.
    """
    core, folder = firmware.core, firmware.elf.parent
    image = read_image(firmware.elf)
    step = image.symbols.get(firmware.step_symbol or "")
    if step is None and count_after is not None:
        raise EmulationError(f"{firmware.elf}: symbol {firmware.step_symbol!r} is not in the image")
    (folder / "flash.bin").write_bytes(_flash(image, core.flash_bytes))
    static_end = image.symbols["_end"].address - _DATA_SPACE
    counted = step.address if step is not None and count_after is not None else -1
    command = [_build_driver(folder), core.simavr_mcu or "", folder / "flash.bin", static_end, counted, count_after or 0]
    try:
        done = subprocess.run([str(word) for word in command], input=source, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise EmulationError(f"{core.name}: the image did not exit within {_TIMEOUT_S} s") from error
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip() or f"simavr's driver exited with {done.returncode}"
        raise EmulationError(f"{core.name}: {words}")
    stack, steps, instructions, cycles = (int(word) for word in done.stderr.split()[-4:])
    totals = StepTotals(steps, instructions, cycles) if count_after is not None else None
    return EmulatedRun(done.stdout, stack, None, totals=totals)


def _flash(image: Image, size: int) -> bytes:
    """What a programmer would write; erased flash reads 0xff."""
    flash = bytearray(b"\xff" * size)
    for address, data in image.segments:
        flash[address : address + len(data)] = data
    return bytes(flash)


def _build_driver(folder: Path) -> Path:
    driver = folder / "simavr_driver"
    source = templates_root() / "tools" / "simavr_driver.c"
    # Named by where Debian has them: a cross-compiling zig may not look there by itself.
    arguments = ["-std=gnu99", "-O2", "-I/usr/include/simavr", str(source), "-lsimavr", "-o", str(driver)]
    try:
        find_toolchain(None).run(arguments, folder)
    except ToolchainError as error:
        if "simavr" in str(error):
            raise ToolchainError(
                f"simavr is not installed, or without its headers (Debian: apt-get install libsimavr-dev): {error}"
            ) from error
        raise
    return driver
