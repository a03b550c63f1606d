"""CProject + Core -> linked ELF -> sizes. Toolchains: zig (from pip) and bare-metal gcc."""

from edgeseq.firmware.build import Firmware, build_firmware, build_host_library
from edgeseq.firmware.toolchain import Toolchain, find_toolchain

__all__ = ["Firmware", "Toolchain", "build_firmware", "build_host_library", "find_toolchain"]
