"""A core that only QEMU emulates: outputs, executed blocks, stack depth.

A plugin (firmware_templates/tools/qemu_counter.c), compiled for this host at run time, counts blocks; the board's RAM is a
file, painted before reset and read after exit.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from edgeseq.errors import EmulationError, TargetError
from edgeseq.firmware.build import Firmware
from edgeseq.firmware.image import Image, read_image
from edgeseq.measure.qemu_plugin import build_plugin
from edgeseq.measure.trace import PAINT, BlockTrace, EmulatedRun, bytes_of_instructions, painted_depth
from edgeseq.targets import Core

_PLUGIN_SOURCE = "qemu_counter.c"
_NOWHERE = 1  # no block starts at an odd address
# Far above any run of a test or profile; a hang is then an error, not a wait.
_TIMEOUT_S = 1800


def run_image(firmware: Firmware, source: bytes, *, count_after: int | None, count_all: bool) -> EmulatedRun:
    """Run an image on its QEMU board; see measure.runner.Runner."""
    core, image = firmware.core, read_image(firmware.elf)
    board = core.qemu
    if board is None or board.ram is None:
        raise TargetError(f"{core.name}: [emulator.qemu] names no ram, which the stack's depth is read from")
    program = shutil.which(board.program)
    if program is None:
        raise EmulationError(f"{board.program} is not on the PATH. Install it (Debian: apt-get install {board.package})")
    step = image.symbols.get(firmware.step_symbol or "")
    if step is None and count_after is not None:
        raise EmulationError(f"{firmware.elf}: symbol {firmware.step_symbol!r} is not in the image")
    entry = _NOWHERE if step is None or count_after is None else step.address
    with tempfile.TemporaryDirectory(prefix="edgeseq-qemu-") as scratch:
        folder = Path(scratch)
        (folder / "es_input.bin").write_bytes(source)
        ram = _Ram(folder / "ram.bin", *board.ram, image, core)
        command = [program, "-M", f"{board.machine},memory-backend=ram", *board.options, *ram.options]
        command += ["-kernel", str(firmware.elf.resolve()), "-semihosting"]
        command += ["-display", "none", "-monitor", "none", "-serial", "none"]
        counting = count_after is not None or count_all
        if counting:
            plugin = build_plugin(program, _PLUGIN_SOURCE, folder)
            arguments = f"entry={entry:x},fault={_fault_handler(core, image):x},skip={count_after or 0},all={int(count_all)}"
            command += ["-plugin", f"{plugin},{arguments},out=counts"]
        _run(command, folder, core)
        stack_bytes = ram.stack_bytes()
        output = (folder / "es_output.bin").read_bytes() if (folder / "es_output.bin").exists() else b""
        trace, all_blocks = _read_counts(folder / "counts", count_after, core, image) if counting else (None, Counter())
    return EmulatedRun(output, stack_bytes, trace, all_blocks)


class _Ram:
    """The board's RAM as a sparse file. The room above static data is painted, and read back after the run."""

    def __init__(self, path: Path, origin: int, size: int, image: Image, core: Core) -> None:
        self._path, self._core = path, core
        self._at = image.symbols["__bss_end"].address - origin
        self._room = image.symbols["__stack_top"].address - image.symbols["__bss_end"].address
        with path.open("wb") as file:
            file.truncate(size)
            file.seek(self._at)
            file.write(bytes([PAINT]) * self._room)
        self.options = ("-object", f"memory-backend-file,id=ram,mem-path={path.name},share=on,size={size}", "-m", f"{size}B")

    def stack_bytes(self) -> int:
        with self._path.open("rb") as file:
            file.seek(self._at)
            return painted_depth(file.read(self._room), self._core)


def _run(command: list[str], folder: Path, core: Core) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmulationError(f"{core.name}: the image did not come to its end in QEMU ({error})") from error
    if done.returncode != 0:
        raise EmulationError(f"{core.name}: QEMU stopped with {done.returncode}: {done.stderr.strip()[-500:]}")


def _fault_handler(core: Core, image: Image) -> int:
    """Where a core goes when an instruction faults: Armv8-M's HardFault vector; a RISC-V core's mtvec is 0 after reset."""
    if core.isa == "thumb":
        return int.from_bytes(image.code(core.flash_origin + 12, 4), "little") & ~1
    return 0


def _read_counts(
    path: Path, count_after: int | None, core: Core, image: Image
) -> tuple[BlockTrace | None, Counter[tuple[int, int]]]:
    if not path.exists():
        raise EmulationError(f"{core.name}: QEMU wrote no counts; it must be built with plugins (Debian's is)")
    lines = [line.split() for line in path.read_text().splitlines()]
    tables: dict[str, Counter[tuple[int, int]]] = {"step": Counter(), "edge": Counter(), "all": Counter()}
    for kind, first, second, times in lines[1:]:
        address, other = int(first), int(second)
        if kind != "edge":
            other = bytes_of_instructions(image, address, other, core.isa)
        tables[kind][address, other] = int(times)
    calls, returns = int(lines[0][1]), int(lines[0][3])
    if calls != returns:
        raise EmulationError(f"{core.name}: {calls} calls of the step function, but {returns} returns; its count is not exact")
    steps = max(0, calls - (count_after or 0))
    trace = None if count_after is None else BlockTrace(tables["step"], tables["edge"], steps)
    return trace, tables["all"]
