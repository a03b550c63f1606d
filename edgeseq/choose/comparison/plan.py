"""What is compared with what, and how each model is made."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from edgeseq.errors import TrainingError
from edgeseq.firmware.toolchain import CompilerName
from edgeseq.quantize.types import SCHEMES, Scheme
from edgeseq.targets import Optimize
from edgeseq.train.recipe import Recipe
from edgeseq.train.registry import CELLS

Match = Literal["units", "parameters", "flash"]
MATCHES: tuple[Match, ...] = ("units", "parameters", "flash")
# With fewer, the spread over seeds is little more than a guess.
ENOUGH_SEEDS = 5
_TITLES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM", "fastgrnn": "FastGRNN", "mgu": "MGU", "mingru": "minGRU"}


def title(cell: str, units: tuple[int, ...]) -> str:
    """Name a network in a sentence.

    >>> title("gru", (32,)), title("lstm+gru", (16, 8)), title("lstm", (16, 8))
    ('GRU(32)', 'LSTM(16)+GRU(8)', 'LSTM(16)+LSTM(8)')
    """
    return "+".join(f"{_TITLES.get(name, name)}({size})" for name, size in Recipe(cell=cell, units=units).stack)


def short_title(cell: str) -> str:
    """Name a cell in a sentence.

    >>> short_title("lstm+gru")
    'LSTM+GRU'
    """
    return "+".join(_TITLES.get(name, name) for name in cell.split("+"))


@dataclass(frozen=True, slots=True)
class Plan:
    """A comparison.

    cells: names of CELLS, or stacks of them joined by '+'; the first is the reference that the others are matched with.
    units: of the reference, one for all its layers or one for each. seeds: how many, 0 and up, the same for all cells.
    recipe: everything else of training; its cell, units and seed are set for each model.
    target: a core, board or hosted target, on which one model of each cell is measured.
    """

    cells: tuple[str, ...]
    units: tuple[int, ...] = (32,)
    match: Match = "units"
    seeds: int = ENOUGH_SEEDS
    scheme: Scheme = "int8"
    target: str = "cortex-m4"
    optimize: Optimize = "speed"
    compiler: CompilerName = "zig"
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        for cell in self.cells:
            unknown = [name for name in cell.split("+") if name not in CELLS]
            if unknown:
                raise TrainingError(
                    f"unknown cell {unknown[0]!r}; known: {', '.join(CELLS)}, and stacks of them such as lstm+gru"
                )
        if len(self.cells) < 2 or len(set(self.cells)) < len(self.cells):
            raise TrainingError(f"cells {','.join(self.cells) or '(none)'}: expected at least two, each once, such as gru,lstm")
        if self.seeds < 2:
            raise TrainingError(
                f"{self.seeds} seed: how far a cell's result varies from training to training cannot be seen in one, so that no "
                f"difference would have an interval. Take at least 2; {ENOUGH_SEEDS} are the default"
            )
        if self.scheme not in SCHEMES:
            raise TrainingError(f"unknown scheme {self.scheme!r}; known: {', '.join(SCHEMES)}")
        if self.recipe.bidirectional or self.recipe.mask:
            raise TrainingError("cells are compared as they run on a stream: no bidirectional layers, no masks")
        for cell in self.cells:
            self.recipe_of(cell, self.units, 0)

    @property
    def reference(self) -> str:
        """The cell that the others are matched with."""
        return self.cells[0]

    def recipe_of(self, cell: str, units: tuple[int, ...], seed: int) -> Recipe:
        """Return how one model is trained. Raises TrainingError where units do not fit the cell's layers."""
        return replace(self.recipe, cell=cell, units=units[0] if len(units) == 1 else units, seed=seed)

    def fixed(self) -> dict[str, Any]:
        """Return what must stay when a comparison goes on: all but the number of seeds and the cells after the first."""
        recipe = {name: value for name, value in self.recipe.as_json().items() if name not in ("cell", "units", "seed")}
        own = {name: value for name, value in asdict(self).items() if name not in ("cells", "seeds", "recipe")}
        return {"reference": self.reference, **own, "units": list(self.units), **recipe}
