"""What a run folder's results.json says, as values. Fields and units: schemas/results.schema.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

Kind = Literal["search", "comparison"]
T = TypeVar("T")
LONGEST_UNIT = 8


@dataclass(frozen=True, slots=True)
class Data:
    """The data set: sizes, and the names of its classes."""

    name: str
    task: str
    class_names: tuple[str, ...]
    features: int
    outputs: int
    window_steps: int
    train_windows: int
    test_windows: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """The core or board, and how far its cycles can be trusted."""

    name: str
    core: str
    board: str | None
    clock_hz: float | None
    tier: str
    cycle_error_pct: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Metric:
    """What is called accuracy: a share of windows, or an error in the data's unit."""

    name: str
    higher_is_better: bool
    unit: str

    @property
    def suffix(self) -> str:
        """Unit behind a value; one that is a sentence stands on the axis alone."""
        return f" {self.unit}" if self.unit and len(self.unit) <= LONGEST_UNIT else ""

    @property
    def is_share(self) -> bool:
        """Whether it is shown in percent."""
        return self.unit == "share"

    def shown(self, value: float) -> float:
        """Return the value as it is plotted: shares in percent."""
        return 100 * value if self.is_share else value

    @property
    def title(self) -> str:
        """Title of an axis.

        >>> Metric("accuracy", True, "share").title, Metric("mae", False, "kW").title
        ('accuracy, %', 'mae, kW (lower is better)')
        """
        unit = "%" if self.is_share else self.unit
        return f"{self.name}{', ' if unit else ''}{unit}{'' if self.higher_is_better else ' (lower is better)'}"

    def better(self, one: float, other: float) -> bool:
        """Whether one value beats the other."""
        return one > other if self.higher_is_better else one < other

    def key(self, value: float) -> float:
        """Return what sorts best first."""
        return -value if self.higher_is_better else value


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network that was tried."""

    name: str
    trial: int
    cell: str
    units: tuple[int, ...]
    layers: int
    scheme: str
    optimize: str
    window: int | None
    stride: int
    dropout: float | None
    learning_rate: float | None
    status: str
    feasible: bool
    measured: bool
    reason: str | None
    accuracy: float | None
    scores: Mapping[str, float | None]
    flash_bytes: float | None
    ram_bytes: float | None
    instructions: float | None
    cycles_per_step: float | None
    latency_us: float | None
    energy_uj: float | None
    predicted: Mapping[str, float | None] | None
    profile: Mapping[str, Any] | None
    mismatches: int | None
    history: tuple[Mapping[str, float | None], ...]
    seconds: float | None
    confusion: Sequence[Sequence[int]] | None
    forecast: Mapping[str, Any] | None
    layer_costs: Sequence[Mapping[str, Any]] | None
    memory: Mapping[str, Sequence[Mapping[str, Any]]] | None
    files: Mapping[str, str | None]
    accuracy_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Seed:
    """One training of a compared cell."""

    seed: int
    accuracy: float | None
    float_accuracy: float | None
    seconds: float | None
    epochs: int | None
    history: tuple[Mapping[str, float | None], ...]


@dataclass(frozen=True, slots=True)
class ComparedCell:
    """A cell of a comparison; its costs are those of one of its trainings, they do not depend on the seed."""

    cell: str
    units: tuple[int, ...]
    parameters: int
    macs_per_step: int
    flash_bytes: float | None
    ram_bytes: float | None
    instructions: float | None
    cycles_per_step: float | None
    latency_us: float | None
    energy_uj: float | None
    seeds: tuple[Seed, ...]
    mean: float | None
    std: float | None
    per_kb: float | None
    per_uj: float | None
    profile: Mapping[str, Any] | None
    per_kilocycle: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def name(self) -> str:
        """Cell and units, such as 'gru(32)'."""
        return f"{self.cell}({', '.join(map(str, self.units))})"


@dataclass(frozen=True, slots=True)
class Pair:
    """Mean of the metric of cell a minus that of b, and its interval."""

    a: str
    b: str
    difference: float | None
    low: float | None
    high: float | None
    seeds: int
    verdict: str


@dataclass(frozen=True, slots=True)
class Results:
    """All of a results.json. What belongs to the other kind is empty or None."""

    kind: Kind
    version: str
    command: tuple[str, ...]
    data: Data
    target: Target
    metric: Metric
    budget: Mapping[str, float | None]
    candidates: tuple[Candidate, ...]
    recommended: str | None
    verdict: tuple[str, ...]
    front: tuple[str, ...]
    prediction_error: Any
    cells: tuple[ComparedCell, ...]
    pairs: tuple[Pair, ...]
    match: str | None
    confidence: float | None
    complete: bool = True

    def candidate(self, name: str | None) -> Candidate | None:
        """Return the candidate of this name, or None."""
        return next((each for each in self.candidates if each.name == name), None)

    def cell(self, name: str) -> ComparedCell | None:
        """Return the compared cell of this name, with or without its units, or None."""
        return next((each for each in self.cells if name in (each.cell, each.name)), None)


def results_of(document: Mapping[str, Any]) -> Results:
    """Return the values of a document that the schema accepts."""
    return Results(
        kind=document["kind"],
        version=document["version"],
        command=tuple(document["command"]),
        data=_picked(Data, document["data"]),
        target=_picked(Target, document["target"]),
        metric=_picked(Metric, document["metric"]),
        budget=document.get("budget") or {},
        candidates=tuple(_candidate(row) for row in document.get("candidates", ())),
        recommended=document.get("recommended"),
        verdict=tuple(document.get("verdict", ())),
        front=tuple(document.get("front", ())),
        prediction_error=document.get("prediction_error"),
        cells=tuple(_cell(row) for row in document.get("cells", ())),
        pairs=tuple(_picked(Pair, row) for row in document.get("pairs", ())),
        match=document.get("match"),
        confidence=document.get("confidence"),
        complete=document.get("complete", True),
    )


def _candidate(row: Mapping[str, Any]) -> Candidate:
    return _picked(Candidate, {**row, "history": _numbered(row["history"])})


def _cell(row: Mapping[str, Any]) -> ComparedCell:
    return _picked(ComparedCell, {**row, "seeds": [_seed(seed) for seed in row["seeds"]]})


def _seed(row: Mapping[str, Any]) -> Seed:
    return _picked(Seed, {**row, "history": _numbered(row["history"])})


def _numbered(history: Sequence[Mapping[str, float | None]]) -> list[Mapping[str, float | None]]:
    """Return the history with the number of each epoch."""
    return [{"epoch": index, **row} for index, row in enumerate(history, 1)]


def _picked(kind: type[T], row: Mapping[str, Any]) -> T:
    """Return a value of the fields that the type has; what else the file says is left out."""
    known: Any = kind
    values = {field.name: row[field.name] for field in fields(known) if field.name in row}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
