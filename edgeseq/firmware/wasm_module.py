"""Reading a WebAssembly module: how many bytes its sections take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeseq.errors import ToolchainError

_CODE, _DATA = 10, 11
_HEADER = b"\0asm\1\0\0\0"


@dataclass(frozen=True, slots=True)
class WasmSizes:
    """Bytes: functions, initialised data, and the whole file as a page downloads it."""

    code_bytes: int
    data_bytes: int
    file_bytes: int


def wasm_sizes(path: Path) -> WasmSizes:
    """Walk the sections (WebAssembly core specification 1.0, section 5.5). Raises ToolchainError on anything else."""
    data = path.read_bytes()
    if not data.startswith(_HEADER):
        raise ToolchainError(f"{path}: not a WebAssembly 1.0 module")
    sizes: dict[int, int] = {}
    at = len(_HEADER)
    while at < len(data):
        section = data[at]
        size, at = _unsigned(data, at + 1)
        sizes[section] = sizes.get(section, 0) + size
        at += size
    if at != len(data):
        raise ToolchainError(f"{path}: the last section is cut off")
    return WasmSizes(sizes.get(_CODE, 0), sizes.get(_DATA, 0), len(data))


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    """A LEB128 number and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at
