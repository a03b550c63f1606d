"""The part of `edgeseq train` that trains with integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgeseq.arith.matmul import SCHEMES
from edgeseq.cli.amounts import FiniteRange
from edgeseq.data import DataSet
from edgeseq.errors import DataError, ModelError

if TYPE_CHECKING:
    from edgeseq.train import Recipe
    from edgeseq.train.qat import QatRecipe

F = TypeVar("F", bound=Callable[..., Any])

QAT_OPTIONS = (
    click.option("--qat", is_flag=True, help="Then train with the integers themselves; the .keras is that model."),
    click.option(
        "--from",
        "start",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        metavar="KERAS",
        help="With --qat: a trained float .keras to start from, instead of training one.",
    ),
    click.option(
        "--scheme", type=click.Choice(SCHEMES), default="int8", show_default=True, help="With --qat: activation x weight."
    ),
    click.option("--qat-epochs", type=click.IntRange(1), default=8, show_default=True),
    click.option("--qat-learning-rate", type=FiniteRange(0, min_open=True), help="Default: 0.0003, with --prune 0.003."),
    click.option(
        "--distill/--no-distill",
        default=True,
        show_default=True,
        help="With --qat: the float model is the teacher; else labels are.",
    ),
    click.option(
        "--prune",
        type=FiniteRange(0, 1, min_open=True, max_open=True),
        metavar="SHARE",
        help="With --qat: set this share of the blocks of recurrent layers' weights to zero.",
    ),
    click.option("--prune-block", default="1x4", show_default=True, metavar="ROWSxCOLUMNS", help="Weights that go together."),
)


@dataclass(frozen=True, slots=True)
class QatChoice:
    """What the options say; None of them matter without `qat`."""

    qat: bool
    start: Path | None
    scheme: Any
    qat_epochs: int
    qat_learning_rate: float | None
    distill: bool
    prune: float | None
    prune_block: str

    @classmethod
    def take(cls, settings: dict[str, Any]) -> QatChoice:
        """Take the options out of a command's settings. Raises UsageError where they do not fit together."""
        choice = cls(**{name: settings.pop(name) for name in cls.__dataclass_fields__})
        if not choice.qat and (choice.start is not None or choice.prune is not None):
            raise click.UsageError("--from and --prune belong to training with integers; add --qat")
        _ = choice.block  # checked before anything is trained
        return choice

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns of --prune-block."""
        parts = self.prune_block.lower().split("x")
        if len(parts) != 2 or not all(part.isdigit() and int(part) for part in parts):
            raise click.BadParameter(f"--prune-block {self.prune_block!r}; expected ROWSxCOLUMNS, such as 1x4")
        return int(parts[0]), int(parts[1])

    def load_start(self, data: DataSet) -> Any:
        """Read the float model of --from, which must fit the data."""
        assert self.start is not None
        if self.start.suffix != ".keras":
            raise ModelError(f"{self.start}: --from takes a .keras file")
        from edgeseq.train.backend import import_keras

        import_keras()
        from edgeseq.train.qat import load

        model = load(self.start)
        features = data.x_train.shape[2]
        if model.input_shape[-1] != features:
            raise DataError(f"{self.start} reads {model.input_shape[-1]} features per time step; {data.name} has {features}")
        if data.task == "classification" and model.output_shape[-1] != data.classes:
            raise DataError(f"{self.start} tells {model.output_shape[-1]} classes apart; {data.name} has {data.classes}")
        return model

    def recipe(self, float_recipe: Recipe, windows: int) -> QatRecipe:
        """Return how to train with integers, after a float training of this recipe on this many windows."""
        from edgeseq.train.backend import import_keras

        import_keras()
        from edgeseq.train.qat import Distillation, Pruning, QatRecipe

        return QatRecipe(
            scheme=self.scheme,
            epochs=self.qat_epochs,
            batch_size=float_recipe.batch(windows),
            learning_rate=self.qat_learning_rate,
            distillation=Distillation() if self.distill else None,
            pruning=Pruning(self.prune, self.block) if self.prune else None,
            seed=float_recipe.seed,
            patience=float_recipe.patience,
        )

    def as_json(self) -> dict[str, Any]:
        """All options but --qat itself."""
        named = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "qat"}
        return named | {"start": str(self.start) if self.start else None}

    @classmethod
    def from_json(cls, settings: dict[str, Any]) -> QatChoice:
        """Return the choice that as_json wrote."""
        return cls(qat=True, **settings | {"start": Path(settings["start"]) if settings["start"] else None})


def qat_options(function: F) -> F:
    """Add the options, in the order of the help page."""
    for option in reversed(QAT_OPTIONS):
        function = option(function)
    return function
