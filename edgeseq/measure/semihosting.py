"""The five semihosting calls that the semihosting port makes, served from memory.

Source: Arm, Semihosting for AArch32 and AArch64, release 3.0; RISC-V Semihosting 0.4 has the same calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

SYS_OPEN, SYS_WRITE, SYS_READ, SYS_EXIT = 0x01, 0x05, 0x06, 0x18
INPUT_HANDLE, OUTPUT_HANDLE = 1, 2


@dataclass(slots=True)
class Semihosting:
    """Serves one input stream and collects one output stream."""

    source: bytes
    output: bytearray = field(default_factory=bytearray)
    position: int = 0
    exited: bool = False

    def call(self, operation: int, argument: int, read: Callable[[int, int], bytes], write: Callable[[int, bytes], None]) -> int:
        """Serve one call; read(address, size) and write(address, data) reach the target's memory."""
        if operation == SYS_EXIT:
            self.exited = True
            return 0
        words = [int.from_bytes(read(argument + 4 * i, 4), "little") for i in range(3)]
        if operation == SYS_OPEN:
            return INPUT_HANDLE if b"input" in read(words[0], words[2]) else OUTPUT_HANDLE
        _, address, size = words
        if operation == SYS_WRITE:
            self.output += read(address, size)
            return 0
        if operation == SYS_READ:
            chunk = self.source[self.position : self.position + size]
            self.position += len(chunk)
            if chunk:
                write(address, chunk)
            return size - len(chunk)
        return -1
