"""Members of the state struct and where the compiler will put them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

ElementType = Literal["int8", "uint8", "int16", "uint16", "int32"]
_SIZE: dict[ElementType, int] = {"int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4}


@dataclass(frozen=True, slots=True)
class Buffer:
    """A member of the state or scratch struct. size: elements; reason: the comment beside it."""

    name: str
    dtype: ElementType
    size: int
    reason: str

    @property
    def alignment(self) -> int:
        """Alignment, and bytes of one element."""
        return _SIZE[self.dtype]

    @property
    def size_bytes(self) -> int:
        """Bytes of the buffer."""
        return self.size * self.alignment

    @property
    def declaration(self) -> str:
        """The struct member."""
        return f"{self.dtype}_t {self.name}[{self.size}]; /* {self.reason} */"


@dataclass(frozen=True, slots=True)
class Extent:
    """Size and alignment of a struct or union, in bytes."""

    size: int
    alignment: int


def struct_extent(members: Iterable[Buffer | Extent]) -> Extent:
    """Lay members out as every C ABI of the targets does: in order, each aligned to its own size."""
    at, alignment = 0, 1
    for member in members:
        size = member.size_bytes if isinstance(member, Buffer) else member.size
        at = _aligned(at, member.alignment) + size
        alignment = max(alignment, member.alignment)
    return Extent(_aligned(at, alignment), alignment)


def union_extent(members: Sequence[Extent]) -> Extent:
    """Size of a union of structs."""
    alignment = max((member.alignment for member in members), default=1)
    return Extent(_aligned(max((member.size for member in members), default=0), alignment), alignment)


def _aligned(at: int, alignment: int) -> int:
    return -(-at // alignment) * alignment
