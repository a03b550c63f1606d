"""Which pipe of a Cortex-M55 a vector instruction takes, told from its encoding.

Capstone 5 decodes no M-profile vector instruction. Encodings: Armv8-M Architecture Reference Manual, DDI0553, C2.3.
"""

from __future__ import annotations

from typing import Literal

Pipe = Literal["move", "memory", "multiply", "integer"]


def vector_pipe(first: int, second: int) -> Pipe | None:
    """Pipe of the instruction with these two halfwords, None if it is no vector or floating-point instruction.

    >>> vector_pipe(0xED90, 0x1E80), vector_pipe(0xEE21, 0x1E05), vector_pipe(0xFE35, 0x1E83)  # vldrh, vrmulh, vmovnt
    ('memory', 'multiply', 'integer')
    >>> vector_pipe(0xEC12, 0x0F00), vector_pipe(0xEB00, 0x0001)  # vmov q0[2], q0[0], r2, r0; add.w
    ('move', None)
    """
    if first & 0xEC00 != 0xEC00:
        return None
    opcode = second >> 8 & 0xF
    if first & 0x0200 == 0:
        # Neither indexed, nor added, nor written back: a move of two registers.
        return "move" if first & 0x01A0 == 0 else "memory"
    if first & 0x0100:
        immediate = first & 0x0080
        return "multiply" if not immediate and _multiplies_like_neon(opcode, second >> 4 & 1) else "integer"
    if second & 0x0E10 == 0x0A10:
        return "move"  # between a register and a lane, or a floating-point register
    across = first & 0x00E0 == 0x00E0 and second & 0x1 == 0
    narrowing_or_shift = first & 0x0030 == 0x0030
    return "multiply" if across or (opcode == 0xE and not narrowing_or_shift) else "integer"


def _multiplies_like_neon(opcode: int, low: int) -> bool:
    """vmul; vqdmulh, vqrdmulh; vfma, vfms; vmul.f."""
    return (opcode, low) in {(0x9, 1), (0xB, 0), (0xC, 1), (0xD, 1)}
