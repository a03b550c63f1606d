"""QEMU plugins of firmware_templates/tools, compiled for this host and the QEMU at hand."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from edgeseq.errors import EmulationError
from edgeseq.firmware.toolchain import find_toolchain
from edgeseq.resources import templates_root


def build_plugin(program: str, source: str, folder: Path) -> Path:
    """Compile a plugin for the interface of this QEMU: version 1 until 8.2, at least 2 since 9.0."""
    version = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    found = re.search(r"version (\d+)\.", version)
    if found is None:
        raise EmulationError(f"{program} --version says {version[:80]!r}; expected 'version N.'")
    interface = 1 if int(found[1]) < 9 else 2
    shutil.copy(templates_root() / "tools" / source, folder)
    # QEMU itself holds the functions that the plugin calls.
    unresolved = ["-Wl,-undefined,dynamic_lookup"] if sys.platform == "darwin" else []
    arguments = ["-std=c99", "-O2", "-fPIC", "-shared", f"-DES_QEMU_PLUGIN_VERSION={interface}", *unresolved]
    toolchain = find_toolchain(None)
    library = Path(source).with_suffix(".so").name
    toolchain.run([*toolchain.flags, *arguments, source, "-o", library], folder)
    return folder / library
