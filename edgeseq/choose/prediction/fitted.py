"""The fitted part of a prediction: coefficients per core and mode, with the error that validation found."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseq.choose.prediction.features import Features
from edgeseq.choose.prediction.layout import Part
from edgeseq.errors import TargetError
from edgeseq.targets import Core, Optimize

COEFFICIENTS = Path(__file__).with_name("coefficients.json")


@dataclass(frozen=True, slots=True)
class Error:
    """Per cent of the measured figure that predictions were off, of networks that no coefficient was fitted to."""

    median: float
    p95: float
    largest: float


@dataclass(frozen=True, slots=True)
class Errors:
    """Of one core and mode; networks: how many were held out."""

    flash: Error
    ram: Error
    instructions: Error
    cycles: Error
    networks: int


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients by feature; stack: bytes by kind of layer, from the most to the least particular."""

    code: Mapping[str, float]
    instructions: Mapping[str, float]
    stack: Mapping[str, float]
    cycles_per_instruction: float
    errors: Errors


@functools.cache
def _stored() -> dict[str, Any]:
    return json.loads(COEFFICIENTS.read_text(encoding="utf-8"))


@functools.cache
def load_fit(core: str, optimize: Optimize) -> Fit:
    """Return the fit of a core and mode. Raises TargetError with those that have one."""
    stored = _stored()
    found = stored.get(core, {}).get(optimize)
    if found is None:
        raise TargetError(
            f"{core}, {optimize}: no fitted predictor; fitted: {', '.join(sorted(stored))}. "
            "Profile the model there instead (edgeseq profile), or choose for one of those"
        )
    errors = found["errors"]
    return Fit(
        found["code"],
        found["instructions"],
        found["stack"],
        found["cycles_per_instruction"],
        Errors(
            *(Error(**errors[name]) for name in ("flash", "ram", "instructions", "cycles")),
            networks=errors["networks"],
        ),
    )


def total(coefficients: Mapping[str, float], features: Features) -> float:
    """Sum of the features, each times its coefficient; one that was never seen adds nothing."""
    return sum(coefficients.get(name, 0.0) * value for name, value in features.items())


def stack_kinds(part: Part) -> tuple[str, ...]:
    """Names of a layer's kind, from the most to the least particular."""
    x, h = 16 if part.wide else 8, 16 if part.wide_state else 8
    names = (part.family, part.cell, part.bits, x, h, part.entry)
    return tuple(".".join(map(str, names[:count])) for count in (6, 5, 3, 2, 1))


def deepest(stack: Mapping[str, float], parts: Iterable[Part]) -> float:
    """Bytes of the deepest layer's calls; layers run one after another."""
    return max(next((stack[name] for name in stack_kinds(part) if name in stack), 0.0) for part in parts)


def frame_bytes(core: Core, input_bytes: int, features: int, outputs: int) -> int:
    """Stack of what the measured firmware reads and writes: a flag and a time step in, the outputs out."""
    frame, outs = (1 + features) * input_bytes, 2 * outputs
    if core.isa == "avr":
        return frame + outs
    step = 16 if core.isa == "rv32" else 8
    return -(-(-(-frame // 4) * 4 + -(-outs // 4) * 4) // step) * step


def static_bytes(core: Core, state: int, scratch: int) -> int:
    """Static RAM: the state struct, and what start-up aligns and keeps behind it."""
    if core.isa == "avr":
        return state + scratch
    step = 16 if core.isa == "rv32" else 8
    return -(-(state + scratch) // step) * step + 8
