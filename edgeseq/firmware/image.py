"""Reading a linked ELF: segments to load, symbols, and what takes flash and RAM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeseq.errors import EmulationError, MissingExtraError

# Tables that all layers of a model share; its own objects have its prefix.
SHARED_TABLES = ("es_sigmoid_table", "es_power_table")
_ALLOC, _WRITE, _NOBITS = 0x2, 0x1, "SHT_NOBITS"


@dataclass(frozen=True, slots=True)
class Symbol:
    """address has the Thumb bit cleared; size in bytes."""

    name: str
    address: int
    size: int
    kind: str


@dataclass(frozen=True, slots=True)
class Image:
    """What a linked ELF contains.

    segments: (load address, bytes). flash_bytes: all that is programmed; static_ram_bytes:
    .data and .bss. thumb entry as the vector table has it.
    """

    segments: tuple[tuple[int, bytes], ...]
    symbols: dict[str, Symbol]
    flash_bytes: int
    static_ram_bytes: int

    def object_bytes(self, prefix: str) -> int:
        """Bytes of the constant objects whose names start with prefix."""
        return sum(s.size for s in self.symbols.values() if s.kind == "STT_OBJECT" and s.name.startswith(prefix))

    def model_bytes(self, prefix: str) -> int:
        """Bytes of a model's constants: those of its own prefix, and the tables it shares."""
        return sum(self.object_bytes(name) for name in (f"{prefix}_", *SHARED_TABLES))

    def code(self, address: int, size: int) -> bytes:
        """Bytes of the programmed image at an address."""
        for start, data in self.segments:
            if start <= address < start + len(data):
                return data[address - start : address - start + size]
        raise EmulationError(f"code at {address:#x} is outside the image")


def read_image(path: Path) -> Image:
    """Parse an ELF that `build_firmware` linked."""
    try:
        from elftools.elf.elffile import ELFFile
        from elftools.elf.sections import SymbolTableSection
    except ImportError as error:
        raise MissingExtraError("pyelftools", "emulate") from error
    with path.open("rb") as file:
        elf = ELFFile(file)
        segments = tuple(
            (segment["p_paddr"], segment.data())
            for segment in elf.iter_segments()
            if segment["p_type"] == "PT_LOAD" and segment["p_filesz"] > 0
        )
        flash = static_ram = 0
        for section in elf.iter_sections():
            flags, size = section["sh_flags"], section["sh_size"]
            if not flags & _ALLOC:
                continue
            flash += 0 if section["sh_type"] == _NOBITS else size
            # .data costs both: its initial values in flash, its live copy in RAM.
            static_ram += size if flags & _WRITE else 0
        table = elf.get_section_by_name(".symtab")
        symbols = {}
        if isinstance(table, SymbolTableSection):
            for symbol in table.iter_symbols():
                if symbol.name:
                    value = symbol["st_value"]
                    kind = symbol["st_info"]["type"]
                    address = value & ~1 if kind == "STT_FUNC" else value
                    symbols[symbol.name] = Symbol(symbol.name, address, symbol["st_size"], kind)
    return Image(segments, symbols, flash, static_ram)
