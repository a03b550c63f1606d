"""Modelled cycles: a static cost per basic block times exact block and edge counts.

Costs follow Arm's Technical Reference Manuals at zero wait states: M4 100166_0001_00
table 3-1, M3 DDI0337 table 18-1, M0+ DDI0484C table 3-1; branch refills on the M4 as
measured at compendium.i-0.nl. The M55's vector pipes are those of LLVM 19's scheduling model.
What they leave out (bus contention, flash wait states, alignment of every 32-bit fetch) is the
model's error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edgeseq.errors import MissingExtraError, TargetError
from edgeseq.firmware.image import Image
from edgeseq.measure.helium import vector_pipe
from edgeseq.measure.trace import BlockTrace, instruction_size

_LOADS = ("ldr", "ldrb", "ldrh", "ldrsb", "ldrsh")
_STORES = ("str", "strb", "strh")
_MULTIPLE = ("push", "pop", "ldm", "stm", "ldmia", "stmia", "ldmdb", "stmdb", "vldmia", "vstmia", "vpush", "vpop")
_LONG_MULTIPLY = ("smull", "umull", "smlal", "umlal", "umaal")
_VECTOR_PIPES = ("memory pipe", "multiply pipe", "integer pipe")
_ARMV8_1M = "of Armv8.1-M"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One decoded instruction. name: mnemonic without condition and width suffix."""

    address: int
    size: int
    name: str
    operands: str

    @property
    def register_count(self) -> int:
        """Registers in the {...} list of a multiple load or store."""
        inside = self.operands[self.operands.find("{") + 1 : self.operands.rfind("}")]
        return len([part for part in inside.split(",") if part.strip()])

    @property
    def loads_pc(self) -> bool:
        """Whether it is a pop or ldm that returns."""
        return "{" in self.operands and "pc" in self.operands

    @property
    def first_register(self) -> str:
        """The destination of a load."""
        return self.operands.split(",")[0].strip()


# (block's instructions) -> cycles when the last branch falls through.
BlockCost = Callable[[Sequence[Instruction]], int]
# (last instruction, aligned 32-bit target?) -> extra cycles when it is taken.
TakenCost = Callable[[Instruction, bool], int]


@dataclass(frozen=True, slots=True)
class CycleTable:
    """Costs of one core. helium: it runs Armv8.1-M code, vectors and low-overhead loops."""

    block: BlockCost
    taken: TakenCost
    helium: bool = False


def _armv7m_block(instructions: Sequence[Instruction], *, long_multiply: int, accumulate: int) -> int:
    total = 0
    previous: Instruction | None = None
    for ins in instructions:
        cost = 1
        if ins.name in _LOADS:
            # Neighbouring single loads overlap: the address phase of one is the data phase of the other.
            pipelined = previous is not None and previous.name in (*_LOADS, *_STORES)
            cost = 1 if pipelined else 2
        elif ins.name in ("ldrd", "strd"):
            cost = 3
        elif ins.name in _MULTIPLE:
            cost = 1 + ins.register_count
        elif ins.name in _LONG_MULTIPLY:
            cost = long_multiply
        elif ins.name in ("mla", "mls"):
            cost = accumulate
        elif ins.name in ("sdiv", "udiv"):
            cost = 7  # 2 to 12, by the operands
        elif ins.name.startswith("it") and set(ins.name[1:]) <= {"t", "e"}:
            cost = 0 if previous is not None and previous.size == 2 else 1  # folded behind a 16-bit instruction
        total += cost
        previous = ins
    return total


def _armv7m_taken(last: Instruction, wide_target: bool) -> int:
    if last.loads_pc or last.name in ("bx", "blx", "ldr", "tbb", "tbh"):
        return 2
    return 2 if wide_target else 1


def _m4_block(instructions: Sequence[Instruction]) -> int:
    return _armv7m_block(instructions, long_multiply=1, accumulate=1)


def _m3_block(instructions: Sequence[Instruction]) -> int:
    return _armv7m_block(instructions, long_multiply=4, accumulate=2)


def _m33_cost(ins: Instruction, following: Instruction | None) -> int:
    if ins.name in _LOADS:
        # One cycle, and a stall if the next instruction wants the value at once.
        return 2 if following is not None and ins.first_register in following.operands.split(",", 1)[-1] else 1
    if ins.name in ("ldrd", "strd"):
        return 2
    if ins.name in _MULTIPLE:
        return 1 + ins.register_count
    return 7 if ins.name in ("sdiv", "udiv") else 1


def _with_following(instructions: Sequence[Instruction]) -> Iterator[tuple[Instruction, Instruction | None]]:
    return zip(instructions, [*instructions[1:], None], strict=True)


def _m33_block(instructions: Sequence[Instruction]) -> int:
    return sum(_m33_cost(*pair) for pair in _with_following(instructions))


def _m33_taken(last: Instruction, wide_target: bool) -> int:
    return 1


def _m55_block(instructions: Sequence[Instruction]) -> int:
    """One instruction a cycle; a vector one keeps its pipe for two, half a vector in each.

    >>> load, multiply = (Instruction(0, 4, f"{pipe} pipe", "") for pipe in ("memory", "multiply"))
    >>> _m55_block([load, multiply] * 4), _m55_block([multiply] * 4)
    (8, 7)
    """
    now = 0
    free_at: dict[str, int] = {}
    for ins, following in _with_following(instructions):
        if ins.name in _VECTOR_PIPES:
            now = max(now, free_at.get(ins.name, 0))
            free_at[ins.name] = now + 2
            now += 1
        else:
            now += _m33_cost(ins, following)
    return now


def _m55_taken(last: Instruction, wide_target: bool) -> int:
    return 0 if last.name == _ARMV8_1M else 1


def _m0plus_block(instructions: Sequence[Instruction]) -> int:
    total = 0
    for ins in instructions:
        if ins.name in (*_LOADS, *_STORES):
            total += 2
        elif ins.name in _MULTIPLE:
            total += 1 + ins.register_count
        elif ins.name == "bl":
            total += 2  # and one more when taken, which it always is
        else:
            total += 1
    return total


def _m0plus_taken(last: Instruction, wide_target: bool) -> int:
    return 2 if last.loads_pc else 1


# Register in a list a reader can see; the names are those of targets/cores/*.toml.
TABLES: dict[str, CycleTable] = {
    "cortex-m0plus": CycleTable(_m0plus_block, _m0plus_taken),
    "cortex-m3": CycleTable(_m3_block, _armv7m_taken),
    "cortex-m4": CycleTable(_m4_block, _armv7m_taken),
    "cortex-m33": CycleTable(_m33_block, _m33_taken),
    "cortex-m55": CycleTable(_m55_block, _m55_taken, helium=True),
}


class Disassembler:
    """Decodes and caches basic blocks of an image's Thumb code.

    helium: names vector instructions by their pipe, and others of Armv8.1-M, which Capstone does not know
    either, by that.
    """

    def __init__(self, image: Image, *, helium: bool = False) -> None:
        try:
            import capstone
        except ImportError as error:
            raise MissingExtraError("capstone", "emulate") from error
        self._capstone: Any = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        self._image = image
        self._helium = helium
        self._cache: dict[tuple[int, int], tuple[Instruction, ...]] = {}

    def block(self, address: int, size: int) -> tuple[Instruction, ...]:
        """Return the instructions of a block."""
        key = (address, size)
        if key not in self._cache:
            code = self._image.code(address, size)
            decode = self._one_by_one if self._helium else self._decode
            decoded = tuple(decode(code, address))
            if sum(i.size for i in decoded) != size:
                raise TargetError(f"cannot decode the code at {address:#x}; capstone knows no such instruction")
            self._cache[key] = decoded
        return self._cache[key]

    def _decode(self, code: bytes, address: int) -> Iterator[Instruction]:
        for i in self._capstone.disasm(code, address):
            yield Instruction(i.address, i.size, _plain_name(i.mnemonic), i.op_str)

    def _one_by_one(self, code: bytes, address: int) -> Iterator[Instruction]:
        at = 0
        while at < len(code):
            first, second = (int.from_bytes(code[at + i : at + i + 2], "little") for i in (0, 2))
            size = instruction_size(first, "thumb")
            pipe = vector_pipe(first, second) if size == 4 else None
            if pipe is not None:
                yield Instruction(address + at, size, f"{pipe} pipe", "")
            else:
                known = next(self._decode(code[at : at + size], address + at), None)
                yield known or Instruction(address + at, size, _ARMV8_1M, "")
            at += size

    def starts_wide(self, address: int) -> bool:
        """Whether a 32-bit instruction lies across a word boundary at the address."""
        halfword = int.from_bytes(self._image.code(address, 2), "little")
        return address % 4 == 2 and instruction_size(halfword, "thumb") == 4


_CONDITIONS = ("eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "cs", "cc")
_BASE_NAMES = frozenset(
    (*_LOADS, *_STORES, *_MULTIPLE, *_LONG_MULTIPLY, "ldrd", "strd", "mla", "mls", "sdiv", "udiv", "bx", "blx", "bl")
)


def _plain_name(mnemonic: str) -> str:
    """Strip the width suffix and a condition: 'ldrge.w' -> 'ldr'."""
    name = mnemonic.split(".", maxsplit=1)[0]
    if name[:-2] in _BASE_NAMES and name[-2:] in _CONDITIONS:
        return name[:-2]
    return name


def model_cycles(trace: BlockTrace, image: Image, table: str) -> int:
    """Modelled cycles of all counted steps."""
    if table not in TABLES:
        raise TargetError(f"no cycle table {table!r}; known: {', '.join(TABLES)}")
    costs = TABLES[table]
    disassembler = Disassembler(image, helium=costs.helium)
    sizes = dict(trace.blocks.keys())
    cycles = sum(costs.block(disassembler.block(*block)) * times for block, times in trace.blocks.items())
    for (source, target), times in trace.edges.items():
        if target != source + sizes[source]:
            last = disassembler.block(source, sizes[source])[-1]
            cycles += costs.taken(last, disassembler.starts_wide(target)) * times
    # Each counted call ends in a return, whose target lies outside the trace.
    returning = next((b for b in trace.blocks if not any(e[0] == b[0] for e in trace.edges)), None)
    if returning is not None:
        cycles += costs.taken(disassembler.block(*returning)[-1], False) * trace.steps  # noqa: FBT003 (a Callable has no keywords)
    return cycles
