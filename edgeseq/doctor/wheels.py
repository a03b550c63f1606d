"""Which runtime installs on a Raspberry Pi, by its machine, its Python and its C library; wheels.toml holds the facts."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeseq.errors import TargetError
from edgeseq.targets.core import read_toml

RASPBERRY_PI = "raspberry-pi"
# What people and systems call the two machines that wheels are built for.
MACHINES = {"aarch64": "aarch64", "arm64": "aarch64", "armv7": "armv7l", "armv7l": "armv7l", "armhf": "armv7l"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a runtime is to run. python: as '3.11'; glibc: as '2.36', None where nobody knows. system: its name, if known."""

    machine: str
    python: str
    glibc: str | None
    system: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """One package at a place. version: None where none fits, with the reason. pip: what to type, empty without a version."""

    package: str
    runs: str
    version: str | None
    reason: str
    pip: str


@dataclass(frozen=True, slots=True)
class Advice:
    """All packages at a place, in the order of preference. source: of the facts. systems: which Python each release has."""

    place: Place
    choices: tuple[Choice, ...]
    systems: tuple[str, ...]
    source: str

    @property
    def possible(self) -> bool:
        """Whether any package fits."""
        return any(choice.version for choice in self.choices)


def advise(machine: str | None = None, python: str | None = None, glibc: str | None = None) -> Advice:
    """What to install. What is left out is taken from this interpreter; glibc from the system with that Python elsewhere.

    Raises TargetError for a machine or a Python that no wheel is built for by name.
    """
    data = read_toml(Path(__file__).with_name("wheels.toml"))
    here = machine is None
    machine = machine or platform.machine()
    if machine not in MACHINES:
        known = ", ".join(MACHINES)
        raise TargetError(
            f"machine {machine!r} is no Raspberry Pi that wheels are built for; known: {known}. Say which one with --machine"
        )
    python = python or ".".join(platform.python_version_tuple()[:2])
    for name, text in (("--python", python), ("--glibc", glibc)):
        if text is not None and not re.fullmatch(r"\d{1,3}\.\d{1,3}", text):
            raise TargetError(f"{name} {text!r}: expected two numbers, such as 3.11 or 2.36")
    system = next((row for row in data["system"] if row["python"] == python), None)
    if glibc is None:
        libc, version = platform.libc_ver() if here else ("", "")
        glibc = version if libc == "glibc" else system["glibc"] if system else None
    place = Place(MACHINES[machine], python, glibc, system["name"] if system and not here else None)
    choices = tuple(_choose(package, data["wheel"], place) for package in data["package"])
    return Advice(place, choices, tuple(_systems(data)), data["source"])


def _choose(package: dict[str, object], wheels: list[dict[str, object]], place: Place) -> Choice:
    name, runs = str(package["name"]), str(package["runs"])
    built = [wheel for wheel in wheels if wheel["package"] == name and wheel["machine"] == place.machine]
    if not built:
        return Choice(name, runs, None, f"no wheel for {place.machine}: it needs a 64-bit system (aarch64)", "")
    fitting = [wheel for wheel in built if place.python in _texts(wheel["pythons"])]
    if not fitting:
        pythons = sorted({python for wheel in built for python in _texts(wheel["pythons"])}, key=_numbers)
        return Choice(name, runs, None, f"no wheel for Python {place.python}; has {pythons[0]} to {pythons[-1]}", "")
    usable = [wheel for wheel in fitting if place.glibc is None or _numbers(str(wheel["glibc"])) <= _numbers(place.glibc)]
    if not usable:
        oldest = min((str(wheel["glibc"]) for wheel in fitting), key=_numbers)
        return Choice(name, runs, None, f"needs glibc {oldest}; this one is {place.glibc}. Upgrade the system", "")
    wheel = max(usable, key=lambda row: _numbers(str(row["version"])))
    version = str(wheel["version"])
    words = [f"{name}=={version}", *_texts(package.get("also", []))]
    reason = f"glibc {wheel['glibc']} or newer" + "".join(f", with {word}" for word in words[1:])
    return Choice(name, runs, version, reason, f"python3 -m pip install {' '.join(_quoted(word) for word in words)}")


def _texts(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(entry) for entry in value]


def _quoted(word: str) -> str:
    return f'"{word}"' if "<" in word else word


def _systems(data: dict[str, list[dict[str, str]]]) -> Iterator[str]:
    for row in data["system"]:
        yield f"{row['name']}: Python {row['python']}, glibc {row['glibc']}"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
