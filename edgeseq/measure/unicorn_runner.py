"""In-process emulation of an image by Unicorn: outputs, executed blocks, stack depth."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgeseq.errors import EmulationError, MissingExtraError
from edgeseq.firmware.build import Firmware
from edgeseq.firmware.image import Image, read_image
from edgeseq.measure.semihosting import Semihosting
from edgeseq.measure.trace import PAINT, BlockTrace, EmulatedRun, painted_depth


@dataclass(frozen=True, slots=True)
class _Architecture:
    """What differs between instruction sets; names are those of Unicorn's modules.

    call: the instruction that traps into semihosting; exception: what it raises, None where
    Unicorn calls it invalid instead. start_bit: what marks an address of code.
    """

    constants: str
    arch: str
    mode: str
    registers: str
    arguments: tuple[str, str]
    link: str
    call: bytes
    exception: int | None
    start_bit: int


_ARM = _Architecture(
    constants="unicorn.arm_const",
    arch="UC_ARCH_ARM",
    # UC_MODE_MCLASS would force a Cortex-M33 whatever model is asked for.
    mode="UC_MODE_THUMB",
    registers="UC_ARM_REG_",
    arguments=("R0", "R1"),
    link="LR",
    call=b"\xab\xbe",
    exception=7,  # EXCP_BKPT
    start_bit=1,
)
_RISCV = _Architecture(
    constants="unicorn.riscv_const",
    arch="UC_ARCH_RISCV",
    mode="UC_MODE_RISCV32",
    registers="UC_RISCV_REG_",
    arguments=("A0", "A1"),
    link="RA",
    call=b"\x73\x00\x10\x00",
    exception=None,
    start_bit=0,
)


def run_arm(firmware: Firmware, source: bytes, *, count_after: int | None, count_all: bool) -> EmulatedRun:
    """Run a Cortex-M image; see measure.runner.Runner."""
    entry = int.from_bytes(read_image(firmware.elf).code(firmware.core.flash_origin + 4, 4), "little")
    return _run(_ARM, entry, firmware, source, count_after, count_all=count_all)


def run_riscv(firmware: Firmware, source: bytes, *, count_after: int | None, count_all: bool) -> EmulatedRun:
    """Run an RV32 image; see measure.runner.Runner."""
    return _run(_RISCV, firmware.core.flash_origin, firmware, source, count_after, count_all=count_all)


def _run(
    architecture: _Architecture, entry: int, firmware: Firmware, source: bytes, count_after: int | None, *, count_all: bool
) -> EmulatedRun:
    machine = _Machine(architecture, firmware, source)
    counter = None
    if count_after is not None or count_all:
        step = machine.image.symbols.get(firmware.step_symbol or "")
        if step is None and count_after is not None:
            raise EmulationError(f"{firmware.elf}: symbol {firmware.step_symbol!r} is not in the image")
        counter = _StepCounter(step.address if step else -1, count_after or 0, count_all=count_all)
        machine.on_block(counter)
    machine.run(entry)
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

    def __init__(self, architecture: _Architecture, firmware: Firmware, source: bytes) -> None:
        try:
            unicorn: Any = importlib.import_module("unicorn")
            self._constants: Any = importlib.import_module(architecture.constants)
        except ImportError as error:
            raise MissingExtraError("unicorn", "emulate") from error
        self._uc_error: type[Exception] = unicorn.UcError
        core = firmware.core
        self.image: Image = read_image(firmware.elf)
        self.host = Semihosting(source)
        self._core = core
        self._architecture = architecture
        self._uc: Any = unicorn.Uc(getattr(unicorn, architecture.arch), getattr(unicorn, architecture.mode))
        self._uc.ctl_set_cpu_model(getattr(self._constants, core.unicorn_cpu or ""))
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
            return int(self._uc.reg_read(self._register(self._architecture.link)))

        def hook(uc: Any, address: int, size: int, user: Any) -> None:
            counter(address, size, link)

        self._uc.hook_add(self._block_hook, hook)

    def run(self, entry: int) -> None:
        """Run from the entry until the program exits."""
        self._uc.reg_write(self._register("SP"), self.image.symbols["__stack_top"].address)
        at = entry
        while not self.host.exited:
            self._trap = None
            reason = ""
            try:
                self._uc.emu_start(at | self._architecture.start_bit, 0xFFFFFFFE, count=0, timeout=0)
            except self._uc_error as error:
                reason = str(error)
            call = self._call_address()
            if call is None or self._trap != self._architecture.exception:
                where = self._uc.reg_read(self._register("PC"))
                reason = reason or f"exception {self._trap}"
                raise EmulationError(f"{self._core.name}: the image faulted at {where:#x} ({reason})")
            self._serve()
            at = call + len(self._architecture.call)

    def _call_address(self) -> int | None:
        """Where the semihosting call lies that the core stopped at, if it is one."""
        call = self._architecture.call
        pc = self._uc.reg_read(self._register("PC")) & ~1
        try:
            # Some versions leave the pc behind the trap.
            around = bytes(self._uc.mem_read(pc - len(call), 2 * len(call)))
        except self._uc_error:
            return None  # a wild jump left the mapped memory
        if around[len(call) :] == call:
            return int(pc)
        return int(pc - len(call)) if around[: len(call)] == call else None

    def _register(self, name: str) -> int:
        return int(getattr(self._constants, self._architecture.registers + name))

    def _on_interrupt(self, uc: Any, number: int, user: Any) -> None:
        self._trap = number
        uc.emu_stop()

    def _serve(self) -> None:
        uc = self._uc
        operation, argument = (self._register(name) for name in self._architecture.arguments)
        answer = self.host.call(
            uc.reg_read(operation),
            uc.reg_read(argument),
            lambda address, size: bytes(uc.mem_read(address, size)),
            uc.mem_write,
        )
        uc.reg_write(operation, answer & 0xFFFFFFFF)

    def stack_bytes(self) -> int:
        """Bytes from the lowest overwritten byte above static data to the initial stack pointer."""
        bottom = self.image.symbols["__bss_end"].address
        top = self._core.ram_origin + self._core.ram_bytes
        return painted_depth(bytes(self._uc.mem_read(bottom, top - bottom)), self._core)


def _pages(size: int) -> int:
    return -(-size // 4096) * 4096
