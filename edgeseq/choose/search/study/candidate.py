"""A candidate with all that is known of it, from the study and from its measurement."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from edgeseq.choose.budget import Budget, Cost
from edgeseq.choose.metric import Metric
from edgeseq.choose.search.proposals.amounts import excess_text
from edgeseq.choose.search.proposals.space import Proposal
from edgeseq.targets import Optimize

# How the reason of a finalist begins that cannot be linked or run.
UNMEASURED = "could not be measured"
Status = Literal["infeasible", "stopped early", "trained", "measured", "failed"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a finalist showed on the test part.

    method: ptq or qat. score, float_score: of the integers and of the float model on the whole test part. totals,
    weights: the integers' score by what a bootstrap draws: subjects, windows or stretches. device_score: of the emulated
    core's outputs on device_windows windows of the test part; None where it differed.
    """

    method: str
    score: float
    float_score: float
    device_score: float | None
    device_windows: int
    totals: tuple[float, ...]
    weights: tuple[float, ...]
    confusion: list[list[int]] | None
    forecast: dict[str, Any] | None
    layer_costs: list[dict[str, Any]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """A finalist on the target, with the kernels of one mode. cost: of a decision. mismatches: of values, against the oracle.

    source: what was measured, and how; a measurement of anything else says nothing about a candidate (records.source_of).
    """

    optimize: Optimize
    cost: Cost
    profile: dict[str, Any]
    mismatches: int
    memory: dict[str, list[dict[str, Any]]]
    shown: Shown
    source: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Measured:
        """Return what as_json wrote. Raises KeyError or TypeError where it is of another version."""
        shown = found["shown"]
        tuples = {name: tuple(shown[name]) for name in ("totals", "weights", "notes")}
        return cls(**{**found, "cost": Cost(**found["cost"]), "shown": Shown(**{**shown, **tuples})})


@dataclass(frozen=True, slots=True)
class Candidate:
    """One trial of the study. predicted: its cost with the kernels of `optimize`; scores: on the validation part.

    origin: the search and trial that trained it, if it was not this one.
    """

    number: int
    proposal: Proposal
    optimize: Optimize
    status: Status
    feasible: bool
    predicted: Cost | None = None
    reason: str | None = None
    validation: float | None = None
    float_validation: float | None = None
    history: tuple[dict[str, float], ...] = ()
    seconds: float | None = None
    measured: Measured | None = None
    files: dict[str, str] = field(default_factory=dict)
    origin: str | None = None

    @property
    def name(self) -> str:
        """Title and number of the trial: unique."""
        return f"{self.proposal.configuration.title} #{self.number}"

    @property
    def cell(self) -> str:
        """Of the layers."""
        return self.proposal.configuration.cell

    @property
    def cost(self) -> Cost | None:
        """As measured, else as predicted."""
        return self.measured.cost if self.measured else self.predicted

    def fits(self, budget: Budget) -> bool:
        """Whether it was measured, is exact there and keeps the budget."""
        return self.measured is not None and self.measured.mismatches == 0 and not budget.excess(self.measured.cost)

    def as_json(self, reason: str | None, budget: Budget, interval: tuple[float, float] | None = None) -> dict[str, Any]:
        """CANDIDATE of results.json. reason: why it is not recommended. interval: 95 % one of the score on the test part."""
        network, measured = self.proposal.configuration, self.measured
        shown = measured.shown if measured else None
        cost = self.cost
        figures = asdict(cost) if cost else dict.fromkeys(Cost.__dataclass_fields__)
        # Of a decision, as its neighbours: a window's, where windows are decided on.
        figures["cycles_per_step"] = figures["cycles"]
        return {
            "name": self.name,
            "trial": self.number,
            "cell": network.cell,
            "units": list(network.units),
            "layers": len(network.layers),
            "scheme": network.scheme,
            "input_dtype": network.input_dtype,
            "optimize": measured.optimize if measured else self.optimize,
            "window": network.window,
            "stride": network.stride,
            "dropout": self.proposal.dropout,
            "learning_rate": self.proposal.learning_rate,
            "status": self.status,
            "feasible": self.fits(budget) if self.measured else self.feasible,
            "measured": measured is not None,
            "reason": reason,
            "accuracy": shown.score if shown else self.validation,
            "accuracy_interval": None if interval is None else list(interval),
            "scores": {
                "validation": self.validation,
                "float_validation": self.float_validation,
                "float": shown.float_score if shown else None,
                "integer": shown.score if shown else None,
                "device": shown.device_score if shown else None,
                "device_windows": shown.device_windows if shown else None,
            },
            **{
                name: figures[name]
                for name in ("flash_bytes", "ram_bytes", "instructions", "cycles", "cycles_per_step", "latency_us", "energy_uj")
            },
            "predicted": asdict(self.predicted) if self.predicted else None,
            "profile": measured.profile if measured else None,
            "mismatches": measured.mismatches if measured else None,
            "method": shown.method if shown else None,
            "history": list(self.history),
            "seconds": self.seconds,
            "confusion": shown.confusion if shown else None,
            "forecast": shown.forecast if shown else None,
            "layer_costs": shown.layer_costs if shown else [],
            "memory": measured.memory if measured else None,
            "files": self.files,
            "origin": self.origin,
        }


def score_of(candidate: Candidate, metric: Metric) -> float:
    """Return the goodness of the best score there is: of the test part if measured, else of validation."""
    score = candidate.measured.shown.score if candidate.measured else candidate.validation
    return float("-inf") if score is None else metric.goodness(score)


def is_unmeasurable(candidate: Candidate) -> bool:
    """Whether it was a finalist that could not be linked or run."""
    return candidate.measured is None and (candidate.reason or "").startswith(UNMEASURED)


def over_when_measured(candidate: Candidate, budget: Budget) -> str:
    """Say by how much the measured cost is over; '' if it fits or was not measured."""
    return excess_text(budget, candidate.measured.cost) if candidate.measured else ""
