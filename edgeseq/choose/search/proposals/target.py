"""Where candidates must run, and how their cost there is had: predicted, or from a measurement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from edgeseq.choose.budget import Budget, Cost
from edgeseq.choose.configuration import Configuration
from edgeseq.errors import BudgetError
from edgeseq.measure.measurement import Measurement
from edgeseq.targets import Core, Optimize

# (configuration, optimize) -> its cost by cycles, without time and energy.
Predict = Callable[[Configuration, Optimize], Cost]


@dataclass(frozen=True, slots=True)
class Clock:
    """What turns cycles into time and energy; None where nothing tells it."""

    hz: float | None = None
    run_watts: float | None = None

    def timed(self, cost: Cost) -> Cost:
        """Return the cost with latency and energy, where its cycles and the clock are known."""
        if cost.cycles is None or self.hz is None:
            return replace(cost, latency_us=None, energy_uj=None)
        latency_us = cost.cycles / self.hz * 1e6
        return replace(cost, latency_us=latency_us, energy_uj=None if self.run_watts is None else latency_us * self.run_watts)

    def measured(self, measurement: Measurement) -> Cost:
        """Return the cost of a decision as it was measured."""
        return self.timed(cost_of(measurement))


@dataclass(frozen=True, slots=True)
class Target:
    """A core or a board. clock_hz, run_watts: of the board or as asked for; None where nothing tells them.

    predict: what candidates cost there. prediction_error: its validation by mode and kind, as printed with predictions.
    sources: of the board's values.
    """

    name: str
    core: Core
    predict: Predict
    board: str | None = None
    clock_hz: float | None = None
    run_watts: float | None = None
    prediction_error: dict[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()

    @property
    def clock(self) -> Clock:
        """What a worker needs to time a measurement."""
        return Clock(self.clock_hz, self.run_watts)

    def predicted(self, configuration: Configuration, optimize: Optimize) -> Cost:
        """Return the predicted cost of a decision, with time and energy where the target has them."""
        return self.clock.timed(self.predict(configuration, optimize))

    def check(self, budget: Budget) -> None:
        """Raise BudgetError where the budget limits what this target cannot tell."""
        if budget.latency_us is not None and self.clock_hz is None:
            raise BudgetError(
                f"target {self.name} is a core and has no clock, so no latency. Name a board (edgeseq targets), or add --clock, "
                "such as --clock 32MHz"
            )
        if budget.energy_uj is not None and self.run_watts is None:
            raise BudgetError(
                f"target {self.name} has no supply current with a source, so no energy. Leave --energy out, or name a board that "
                "has one (edgeseq targets)"
            )

    def as_json(self) -> dict[str, Any]:
        """What results.json says of the target."""
        return {
            "name": self.name,
            "core": self.core.name,
            "board": self.board,
            "clock_hz": self.clock_hz,
            "tier": self.core.cycle_tier,
            "cycle_error_pct": self.core.cycle_error_pct,
            "source": "; ".join((self.core.cycle_source, *self.sources)),
        }


def cost_of(measurement: Measurement) -> Cost:
    """Return the measured cost of a decision in bytes, instructions and cycles."""
    window, cycles = measurement.window, measurement.cycles_per_step
    assert measurement.ram_image_bytes is not None  # cores have a stack
    instructions = window.instructions if window else measurement.instructions_per_step
    assert instructions is not None
    in_cycles = window.cycles if window else None if cycles is None else cycles.value
    return Cost(measurement.flash_image_bytes, measurement.ram_image_bytes, instructions, in_cycles)
