"""The one description of how a model is built and trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from edgeseq.errors import TrainingError
from edgeseq.train.registry import CELLS

Validation = Literal["auto", "subjects", "random"]
MAX_LAYERS = 8
LARGEST_BATCH, SMALLEST_BATCH, UPDATES = 64, 8, 16


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train, the data aside.

    batch_size: None: 64, or less where an epoch would have fewer than 16 updates.
    cell: names of CELLS, one per layer, joined by '+'; units and layers: one value serves all layers.
    learning_rate: halved when validation stalls. patience: epochs without a better validation loss before training
    stops; the best epoch is kept. clipnorm: largest norm of each gradient. class_weights: balanced weighs each class
    by the inverse of its frequency, in the loss and in the validation figures. validation: auto holds out whole
    subjects where the data names them. mask: skip the padding of windows of unequal length, so that each starts from
    a reset state. alarm_quantile: share of validation errors below the threshold of an anomaly.
    """

    cell: str = "gru"
    units: int | tuple[int, ...] = 32
    layers: int = 1
    epochs: int = 20
    batch_size: int | None = None
    learning_rate: float = 3e-3
    seed: int = 0
    optimizer: Literal["adam", "rmsprop"] = "adam"
    clipnorm: float = 1.0
    dropout: float = 0.0
    bidirectional: bool = False
    class_weights: Literal["none", "balanced"] = "none"
    patience: int = 15
    validation: Validation = "auto"
    validation_share: float = 0.1
    mask: bool = False
    alarm_quantile: float = 0.999

    def __post_init__(self) -> None:
        for name in self.cell.split("+"):
            if name not in CELLS:
                raise TrainingError(f"unknown cell {name!r}; known: {', '.join(CELLS)}, and stacks of them such as lstm+gru")
        if not 0 <= self.dropout < 1:
            raise TrainingError(f"dropout is {self.dropout:g}; expected 0 up to, but not including, 1")
        if not 0 < self.validation_share < 1:
            raise TrainingError(f"validation_share is {self.validation_share:g}; expected more than 0 and less than 1")
        if not 0 < self.alarm_quantile <= 1:
            raise TrainingError(f"alarm_quantile is {self.alarm_quantile:g}; expected more than 0 and at most 1")
        for name in ("epochs", "batch_size", "patience", "layers"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise TrainingError(f"{name} is {getattr(self, name)}; expected at least 1")
        if self.learning_rate <= 0 or self.clipnorm <= 0:
            raise TrainingError("learning_rate and clipnorm must be more than 0")
        _ = self.stack

    @property
    def stack(self) -> tuple[tuple[str, int], ...]:
        """(cell, units) of each layer, input first."""
        cells = tuple(self.cell.split("+"))
        units = (self.units,) if isinstance(self.units, int) else tuple(self.units)
        count = max(len(cells), len(units), self.layers)
        sizes = {"cell": len(cells), "units": len(units), "layers": self.layers}
        if any(size not in (1, count) for size in sizes.values()) or count > MAX_LAYERS:
            given = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise TrainingError(
                f"{given} values do not fit each other; give one, or one per layer, of {MAX_LAYERS} layers at most"
            )
        if min(units) < 1:
            raise TrainingError(f"units {min(units)}; expected at least 1")
        return tuple(zip(cells * (count // len(cells)), units * (count // len(units)), strict=True))

    def batch(self, windows: int) -> int:
        """Return the batch size for this many training windows."""
        return self.batch_size or min(LARGEST_BATCH, max(SMALLEST_BATCH, windows // UPDATES))

    @property
    def title(self) -> str:
        """Short name, such as lstm(32)+gru(16)."""
        return "+".join(f"{cell}({units})" for cell, units in self.stack)

    def as_json(self) -> dict[str, Any]:
        """All settings."""
        return asdict(self)

    @classmethod
    def from_json(cls, settings: dict[str, Any]) -> Recipe:
        """Return the recipe that as_json wrote. Raises TrainingError when it is of another version."""
        unknown = set(settings) - {each.name for each in fields(cls)}
        if unknown:
            raise TrainingError(f"the run has settings that this edgeseq does not know: {', '.join(sorted(unknown))}")
        units = settings.get("units", 32)
        return cls(**{**settings, "units": tuple(units) if isinstance(units, list) else units})
