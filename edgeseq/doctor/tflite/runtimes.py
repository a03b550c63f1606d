"""The runtimes of .tflite files, and what each of them has, from operators.toml."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseq.targets.core import read_toml

LITERT, TFLITE_RUNTIME, TFLM = "litert", "tflite-runtime", "tflm"
RUNTIMES = {
    LITERT: "LiteRT 2.3 (phones, Linux)",
    TFLITE_RUNTIME: "tflite-runtime 2.14 (32-bit Raspberry Pi)",
    TFLM: "TensorFlow Lite Micro (microcontrollers)",
}
ALL = tuple(RUNTIMES)
# Those under an operating system.
HOSTED = (LITERT, TFLITE_RUNTIME)


@dataclass(frozen=True, slots=True)
class Support:
    """Of one operator: runtime -> first and last version it takes; version -> first release of TensorFlow."""

    versions: dict[str, tuple[int, int]]
    since: dict[int, str]


@functools.cache
def _table() -> dict[str, Any]:
    return read_toml(Path(__file__).with_name("operators.toml"))


@functools.cache
def support(operator: str) -> Support:
    """What is known of a builtin operator; nothing has one that is not listed."""
    row = _table()["builtin"].get(operator, {})
    versions = {name: (row[name][0], row[name][1]) for name in HOSTED if name in row}
    if row.get("tflm"):
        versions[TFLM] = (1, 1 << 30)  # its kernels do not look at versions
    return Support(versions, {int(version): release for version, release in row.get("since", {}).items()})


def resolves_custom(runtime: str, operator: str) -> bool:
    """Whether a runtime brings a custom operator itself."""
    return operator in _table()["custom"][runtime]
