"""What a runner reports: outputs, stack, executed blocks and instructions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeseq.errors import EmulationError
from edgeseq.firmware.image import Image
from edgeseq.targets import Core, Isa

PAINT = 0xA5


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

    trace: the counted calls of the step function, or totals where the emulator counts itself.
    all_blocks[address, size]: executions from reset to exit, where the emulator has blocks.
    Each is absent or empty unless it was asked for.
    """

    output: bytes
    stack_bytes: int
    trace: BlockTrace | None
    all_blocks: Counter[tuple[int, int]] = field(default_factory=Counter)
    totals: StepTotals | None = None


def instruction_size(halfword: int, isa: Isa) -> int:
    """Bytes of the instruction that starts with this halfword.

    Source: Armv8-M Architecture Reference Manual, DDI0553, C2.2; RISC-V Unprivileged ISA 20191213, 1.5.

    >>> instruction_size(0xBF00, "thumb"), instruction_size(0xEE31, "thumb"), instruction_size(0x0001, "rv32")
    (2, 4, 2)
    """
    wide = halfword >> 11 in (0b11101, 0b11110, 0b11111) if isa == "thumb" else halfword & 0b11 == 0b11
    return 4 if wide else 2


def count_instructions(blocks: Mapping[tuple[int, int], int], image: Image, isa: Isa) -> int:
    """Exact instructions of all executions of some blocks.

    Predicated-off ones in an IT or VPT block count, as they issue. Lengths suffice, so this also
    counts instructions that no disassembler at hand can name.
    """
    return sum(_instructions_in(image.code(*block), isa) * times for block, times in blocks.items())


def bytes_of_instructions(image: Image, address: int, count: int, isa: Isa) -> int:
    """Bytes of some instructions that follow one another."""
    size = 0
    for _ in range(count):
        size += instruction_size(int.from_bytes(image.code(address + size, 2), "little"), isa)
    return size


def _instructions_in(code: bytes, isa: Isa) -> int:
    count = at = 0
    while at < len(code):
        at += instruction_size(int.from_bytes(code[at : at + 2], "little"), isa)
        count += 1
    if at != len(code):
        raise EmulationError("an executed block ends inside an instruction; the emulator and the image disagree")
    return count


def painted_depth(room: bytes, core: Core) -> int:
    """Bytes from the lowest overwritten byte of the room above static data to its end, where the stack starts."""
    untouched = len(room) - len(room.lstrip(bytes([PAINT])))
    if untouched == 0 and room:
        raise EmulationError(f"{core.name}: the stack reached static data")
    return len(room) - untouched
