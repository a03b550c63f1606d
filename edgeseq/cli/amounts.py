"""Amounts with units on the command line: 24K of flash, 2ms, 5uJ, 20m, 32MHz."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import click

# Unit -> factor, for each kind; the first is what is shown in messages.
BYTES = {"K": 1024, "KB": 1024, "KiB": 1024, "B": 1, "": 1, "M": 1024**2, "MB": 1024**2, "MiB": 1024**2}
MICROSECONDS = {"ms": 1e3, "us": 1.0, "µs": 1.0, "s": 1e6}
MICROJOULES = {"uJ": 1.0, "µJ": 1.0, "nJ": 1e-3, "mJ": 1e3}
SECONDS = {"m": 60.0, "min": 60.0, "s": 1.0, "h": 3600.0}
HERTZ = {"MHz": 1e6, "kHz": 1e3, "Hz": 1.0, "GHz": 1e9}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-zµ]*)\s*")


class Amount(click.ParamType):  # type: ignore[type-arg] # generic from click 8.3 on alone
    """A positive number with one of some units, returned in the base unit."""

    def __init__(self, name: str, units: Mapping[str, float], example: str, *, whole: bool = False) -> None:
        self.name, self._units, self._example, self._whole = name, units, example, whole

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float | int:
        """Parse, or fail with what was expected."""
        if not isinstance(value, str):
            return float(value)
        match = _AMOUNT.fullmatch(value)
        known = {unit.lower(): factor for unit, factor in self._units.items()}
        if match is None or match[2].lower() not in known:
            units = ", ".join(unit for unit in self._units if unit and unit.isascii())
            self.fail(
                f"{value!r} is no {self.name}; expected a number with one of {units}, such as {self._example}", parameter, context
            )
        amount = float(match[1]) * known[match[2].lower()]
        if not math.isfinite(amount):
            self.fail(f"{value[:12]}... is more than any {self.name}; expected such as {self._example}", parameter, context)
        amount = int(amount) if self._whole else amount
        if amount <= 0:
            self.fail(f"{value!r}: expected more than 0, such as {self._example}", parameter, context)
        return amount


class FiniteRange(click.FloatRange):
    """A number within limits; click's own lets NaN through, which no limit excludes."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        """Parse, or fail with what was expected."""
        found = super().convert(value, parameter, context)
        if not math.isfinite(found):
            self.fail(f"{value} is not in the range {self._describe_range()}.", parameter, context)
        return float(found)


SIZE = Amount("size", BYTES, "24K", whole=True)
TIME = Amount("time", MICROSECONDS, "2ms")
ENERGY = Amount("energy", MICROJOULES, "5uJ")
DURATION = Amount("duration", SECONDS, "20m")
FREQUENCY = Amount("frequency", HERTZ, "32MHz")
