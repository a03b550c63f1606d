"""WebAssembly modules, run by Node with the glue that a page uses."""

from __future__ import annotations

import shutil
import subprocess
from typing import Literal

from edgeseq.errors import EmulationError
from edgeseq.firmware.hosted import HostedImage

_TIMEOUT_S = 600


def run_module(image: HostedImage, source: bytes, mode: Literal["stream", "bench"] = "stream") -> bytes:
    """Run a module over an input stream; returns its output stream, or bench's line.

    Raises EmulationError when Node is missing or the module fails.
    """
    word = "stream-state" if mode == "stream" and image.writes_state else mode
    # Next to the module lies the runner that `build_hosted` copied.
    command = [_node(), "run_stream.mjs", image.path.name, word]
    try:
        done = subprocess.run(command, input=source, cwd=image.path.parent, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmulationError(f"{image.target.name}: node did not run ({error})") from error
    if done.returncode != 0:
        raise EmulationError(f"{image.target.name}: {done.stderr.decode(errors='replace').strip()[-500:]}")
    return done.stdout


def node_version() -> str:
    """Node's name and version for reports. Raises EmulationError when it is missing."""
    done = subprocess.run([_node(), "--version"], capture_output=True, text=True, timeout=60, check=False)
    return f"Node {done.stdout.strip()}"


def _node() -> str:
    program = shutil.which("node") or shutil.which("nodejs")
    if program is None:
        raise EmulationError("node is not on the PATH; it runs WebAssembly here. Install it (Debian: apt-get install nodejs)")
    return program
