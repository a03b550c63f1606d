"""In-process emulation of a Cortex-M image by Unicorn: outputs, exact instruction counts, stack depth."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edgeseq.errors import EmulationError, MissingExtraError
from edgeseq.firmware.build import Firmware
from edgeseq.firmware.image import Image, read_image
from edgeseq.measure.semihosting import Semihosting

PAINT = 0xA5
# Far above any model that fits the memory map; a hang is then an error, not a wait.
MAX_INSTRUCTIONS_PER_CALL = 2_000_000_000
_BKPT = 7  # EXCP_BKPT of the emulated core


@dataclass(frozen=True, slots=True)
class BlockTrace:
    """Basic blocks executed inside the step function.

    blocks[address, size]: executions; edges[from address, to address]: how often one followed
    the other. steps: calls that were counted.
    """

    blocks: Counter[tuple[int, int]]
    edges: Counter[tuple[int, int]]
    steps: int


@dataclass(frozen=True, slots=True)
class StepTotals:
    """Instructions and cycles of all counted calls of the step function, as the emulator itself counts them."""

    steps: int
    instructions: int
    cycles: int


@dataclass(frozen=True, slots=True)
class EmulatedRun:
    """output: what the image wrote. stack_bytes: deepest use below the initial stack pointer.

    trace: the counted calls block by block, or totals where the emulator counts cycles itself.
    """

    output: bytes
    stack_bytes: int
    trace: BlockTrace | None
    all_blocks: Counter[tuple[int, int]] = field(default_factory=Counter)
    totals: StepTotals | None = None


def run_unicorn(firmware: Firmware, source: bytes, *, count_after: int | None = None, count_all: bool = False) -> EmulatedRun:
    """Run the image from reset over an input stream until it exits.

    count_after: count the step function's blocks in all calls after that many; None counts nothing.
    count_all: also count every block from reset to exit.
    """
    machine = _Machine(firmware, source)
    counter = None
    if count_after is not None or count_all:
        step = machine.image.symbols.get(firmware.step_symbol or "")
        if step is None and count_after is not None:
            raise EmulationError(f"{firmware.elf}: symbol {firmware.step_symbol!r} is not in the image")
        counter = _StepCounter(step.address if step else -1, count_after or 0, count_all=count_all)
        machine.on_block(counter)
    machine.run()
    trace = BlockTrace(counter.blocks, counter.edges, counter.counted) if counter and count_after is not None else None
    return EmulatedRun(bytes(machine.host.output), machine.stack_bytes(), trace, counter.all_blocks if counter else Counter())


class _StepCounter:
    """Block hook: counts blocks between a call of the step function and its return."""

    def __init__(self, entry: int, skip: int, *, count_all: bool) -> None:
        self.entry, self.skip, self.count_all = entry, skip, count_all
        self.blocks: Counter[tuple[int, int]] = Counter()
        self.edges: Counter[tuple[int, int]] = Counter()
        self.all_blocks: Counter[tuple[int, int]] = Counter()
        self.calls = 0
        self._return_address: int | None = None
        self._previous = 0

    @property
    def counted(self) -> int:
        return max(0, self.calls - self.skip)

    def __call__(self, address: int, size: int, link: Callable[[], int]) -> None:
        if self.count_all:
            self.all_blocks[address, size] += 1
        if self._return_address is None:
            if address != self.entry:
                return
            self.calls += 1
            self._return_address = link() & ~1
        elif address == self._return_address:
            self._return_address = None
            return
        elif self.calls > self.skip:
            self.edges[self._previous, address] += 1
        if self.calls > self.skip:
            self.blocks[address, size] += 1
        self._previous = address


class _Machine:
    """One emulated core with the image loaded and its RAM painted."""

    def __init__(self, firmware: Firmware, source: bytes) -> None:
        try:
            unicorn: Any = importlib.import_module("unicorn")
            arm_const: Any = importlib.import_module("unicorn.arm_const")
        except ImportError as error:
            raise MissingExtraError("unicorn", "emulate") from error
        self._uc_error: type[Exception] = unicorn.UcError
        core = firmware.core
        self.image: Image = read_image(firmware.elf)
        self.host = Semihosting(source)
        self._core = core
        self._arm = arm_const
        # UC_MODE_MCLASS would force a Cortex-M33 whatever model is asked for.
        self._uc: Any = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
        self._uc.ctl_set_cpu_model(getattr(arm_const, core.unicorn_cpu or ""))
        self._uc.mem_map(core.flash_origin, _pages(core.flash_bytes))
        self._uc.mem_map(core.ram_origin, _pages(core.ram_bytes))
        self._uc.mem_write(core.ram_origin, bytes([PAINT]) * core.ram_bytes)
        for address, data in self.image.segments:
            self._uc.mem_write(address, data)
        self._trap: int | None = None
        self._uc.hook_add(unicorn.UC_HOOK_INTR, self._on_interrupt)
        self._block_hook = unicorn.UC_HOOK_BLOCK

    def on_block(self, counter: _StepCounter) -> None:
        """Install a block hook; must come before `run`, since translated blocks never get one later."""

        def link() -> int:
            return int(self._uc.reg_read(self._arm.UC_ARM_REG_LR))

        def hook(uc: Any, address: int, size: int, user: Any) -> None:
            counter(address, size, link)

        self._uc.hook_add(self._block_hook, hook)

    def run(self) -> None:
        """Run from the vector table until the program exits."""
        stack, entry = (int.from_bytes(self._uc.mem_read(self._core.flash_origin + 4 * i, 4), "little") for i in (0, 1))
        self._uc.reg_write(self._arm.UC_ARM_REG_SP, stack)
        at = entry | 1
        while not self.host.exited:
            self._trap = None
            try:
                self._uc.emu_start(at, 0xFFFFFFFE, count=0, timeout=0)
            except self._uc_error as error:
                where = self._uc.reg_read(self._arm.UC_ARM_REG_PC)
                raise EmulationError(f"{self._core.name}: the image faulted at {where:#x} ({error})") from error
            if self._trap != _BKPT:
                where = self._uc.reg_read(self._arm.UC_ARM_REG_PC)
                raise EmulationError(f"{self._core.name}: the image stopped at {where:#x}, exception {self._trap}")
            at = self._serve() | 1

    def _on_interrupt(self, uc: Any, number: int, user: Any) -> None:
        self._trap = number
        uc.emu_stop()

    def _serve(self) -> int:
        """Answer the semihosting call at the current bkpt; returns where to go on."""
        uc, arm = self._uc, self._arm
        pc = uc.reg_read(arm.UC_ARM_REG_PC) & ~1
        if bytes(uc.mem_read(pc, 2)) != b"\xab\xbe":  # some versions leave the pc behind the bkpt
            pc -= 2
        answer = self.host.call(
            uc.reg_read(arm.UC_ARM_REG_R0),
            uc.reg_read(arm.UC_ARM_REG_R1),
            lambda address, size: bytes(uc.mem_read(address, size)),
            uc.mem_write,
        )
        uc.reg_write(arm.UC_ARM_REG_R0, answer & 0xFFFFFFFF)
        return int(pc + 2)

    def stack_bytes(self) -> int:
        """Bytes from the lowest overwritten byte above static data to the initial stack pointer."""
        bottom = self.image.symbols["__bss_end"].address
        top = self._core.ram_origin + self._core.ram_bytes
        room = bytes(self._uc.mem_read(bottom, top - bottom))
        untouched = len(room) - len(room.lstrip(bytes([PAINT])))
        if untouched == 0 and room:
            raise EmulationError(f"{self._core.name}: the stack reached static data")
        return len(room) - untouched


def _pages(size: int) -> int:
    return -(-size // 4096) * 4096
