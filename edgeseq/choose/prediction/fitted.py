"""The fitted part of a prediction: coefficients per core and mode, with the error that validation found."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseq.choose.prediction.features import Features
from edgeseq.errors import TargetError
from edgeseq.targets import Optimize

# The most layers of a network that was measured.
MOST_LAYERS = 3
COEFFICIENTS = Path(__file__).with_name("coefficients.json")


@dataclass(frozen=True, slots=True)
class Error:
    """Per cent of the measured figure that predictions were off, of networks that no coefficient was fitted to."""

    median: float
    p95: float
    largest: float


@dataclass(frozen=True, slots=True)
class Errors:
    """Of one core, mode and kind; networks: how many were held out."""

    flash: Error
    ram: Error
    instructions: Error
    cycles: Error
    networks: int

    @property
    def label(self) -> str:
        """How far predictions can be trusted: the largest error of nineteen in twenty networks that were held out."""
        return (
            f"predicted (flash ± {self.flash.p95:.2g} %, RAM ± {self.ram.p95:.2g} %, "
            f"instructions ± {self.instructions.p95:.2g} %; 95 % of {self.networks} networks held out)"
        )


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients by feature; stack: bytes by kind of layer; errors: by kind of network (network.kind_of)."""

    code: Mapping[str, float]
    instructions: Mapping[str, float]
    stack: Mapping[str, float]
    cycles: Mapping[str, float]
    errors: Mapping[str, Errors]


@functools.cache
def _stored() -> dict[str, Any]:
    return json.loads(COEFFICIENTS.read_text(encoding="utf-8"))


def fitted_cores() -> tuple[str, ...]:
    """Names of the cores that a fit is stored of."""
    return tuple(sorted(_stored()))


@functools.cache
def load_fit(core: str, optimize: Optimize) -> Fit:
    """Return the fit of a core and mode. Raises TargetError with those that have one."""
    stored = _stored()
    found = stored.get(core, {}).get(optimize)
    if found is None:
        raise TargetError(
            f"{core}, {optimize}: no fitted predictor; fitted: {', '.join(fitted_cores())}. "
            "Profile the model there instead (edgeseq profile), or choose for one of those"
        )
    return Fit(
        found["code"],
        found["instructions"],
        found["stack"],
        found["cycles"],
        {kind: _errors(value) for kind, value in found["errors"].items()},
    )


def _errors(stored: dict[str, Any]) -> Errors:
    def of(name: str) -> Error:
        return Error(**stored[name])

    return Errors(of("flash"), of("ram"), of("instructions"), of("cycles"), stored["networks"])


def total(coefficients: Mapping[str, float], features: Features) -> float:
    """Sum of the features, each times its coefficient; one that was never seen adds nothing."""
    return sum(coefficients.get(name, 0.0) * value for name, value in features.items())


def stack_features(stack: Mapping[str, float], kinds: Sequence[Sequence[str]]) -> Features:
    """What the stack is linear in: the names of the deepest layer, and how many layers a step has.

    Layers run one after another; kinds: names of each. More than were measured count as the most that were.
    """
    names = max(kinds, key=lambda names: sum(stack.get(name, 0.0) for name in names))
    return dict.fromkeys(names, 1.0) | {f"layers{min(len(kinds), MOST_LAYERS)}": 1.0}
