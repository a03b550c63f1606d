"""What is searched, and how a candidate is written as the parameters of a study."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from edgeseq.choose.configuration import RECURRENT_CELLS, REFERENCES, Configuration, InputDtype, TaskShape
from edgeseq.errors import SearchError
from edgeseq.quantize.types import SCHEMES, Scheme

# A stack of an LSTM and a GRU layer, in either order.
HYBRID = "hybrid"
ORDERS = ("lstm+gru", "gru+lstm")
# GRU and LSTM first: a search that ends soon has seen both.
CELLS = ("gru", "lstm", "mgu", "fastgrnn", "mingru", "rnn", HYBRID, "tcn", "transformer")
# Multiples of the kernels' groups from 8 on; from 32 on the next is at most an eighth larger, so that a budget can be used up.
SIZES = (2, 3, 4, 6, *range(8, 64, 4), *range(64, 128, 8), *range(128, 257, 16))
INPUTS: tuple[InputDtype, ...] = ("int8", "int16")
LEARNING_RATE = 3e-3
# Below this many time steps there is too little to leave out.
LONG, VERY_LONG = 32, 64


class Suggests(Protocol):
    """The part of optuna.trial.Trial that a space uses."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Return one of the choices."""
        ...

    def suggest_int(self, name: str, low: int, high: int) -> int:
        """Return an integer, both ends included."""
        ...

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False) -> float:
        """Return a number."""
        ...


@dataclass(frozen=True, slots=True)
class Proposal:
    """A candidate: the network, and how it is trained."""

    configuration: Configuration
    dropout: float = 0.0
    learning_rate: float = LEARNING_RATE

    def as_json(self) -> dict[str, Any]:
        """All settings."""
        return asdict(self)

    @classmethod
    def from_json(cls, settings: dict[str, Any]) -> Proposal:
        """Return the proposal that as_json wrote, also after JSON made lists of its tuples."""
        network = dict(settings["configuration"])
        network["layers"] = tuple((cell, units) for cell, units in network["layers"])
        return cls(Configuration(**network), settings["dropout"], settings["learning_rate"])


@dataclass(frozen=True, slots=True)
class Space:
    """The choices. sizes: units of a layer, ascending. layers: at most, of one cell.

    windows: time steps seen of a window, None for all of them; strides: every how many. dropout: at most;
    learning_rates: smallest and largest, on a logarithmic scale.
    """

    cells: tuple[str, ...] = CELLS
    sizes: tuple[int, ...] = SIZES
    layers: int = 2
    schemes: tuple[Scheme, ...] = SCHEMES
    inputs: tuple[InputDtype, ...] = INPUTS
    windows: tuple[int | None, ...] = (None,)
    strides: tuple[int, ...] = (1,)
    dropout: float = 0.4
    learning_rates: tuple[float, float] = (1e-3, 1e-2)

    def __post_init__(self) -> None:
        _check_names("cell", self.cells, CELLS)
        _check_names("scheme", self.schemes, SCHEMES)
        _check_names("input", self.inputs, INPUTS)
        if not self.sizes or list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] < 1:
            raise SearchError(f"units {self.sizes}; expected different whole numbers from 1 on, ascending")
        if not self.windows or not self.strides or min(self.strides) < 1:
            raise SearchError("no window or no stride is left to search; leave --windows and --strides out")

    def as_json(self) -> dict[str, Any]:
        """All choices, as JSON has them: equal for equal spaces."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def _check_names(what: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown or not given:
        raise SearchError(f"unknown {what} {', '.join(map(repr, unknown)) or 'list: it is empty'}; known: {', '.join(known)}")
    if len(set(given)) < len(given):
        raise SearchError(f"{what} {', '.join(given)}: each may be named once")


def default_space(shape: TaskShape, task: str, **given: Any) -> Space:
    """Return the space for this kind of data; `given` replaces fields, None leaves the default.

    Networks over whole windows are for classes alone. Where each time step has a target, all of a window is seen.
    Raises SearchError for a choice that the data rule out.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    if "cells" not in chosen and task != "classification":
        chosen["cells"] = tuple(cell for cell in CELLS if cell not in REFERENCES)
    unfit = [cell for cell in chosen.get("cells", ()) if cell in REFERENCES] if task != "classification" else []
    if unfit:
        raise SearchError(f"{', '.join(unfit)}: maps a whole window to one class; this task is {task}. Leave it out of --cells")
    steps = shape.window_steps
    if shape.per_step:
        if set(chosen.get("windows", ())) - {None, steps} or set(chosen.get("strides", ())) - {1}:
            raise SearchError(f"{task} has a target at each time step, so all are seen; leave --windows and --strides out")
    else:
        chosen.setdefault("windows", (None, steps // 2) if steps >= LONG else (None,))
        chosen.setdefault("strides", (1, 2, 4) if steps >= VERY_LONG else (1, 2) if steps >= LONG else (1,))
    windows = tuple(dict.fromkeys(None if window == steps else window for window in chosen.get("windows", (None,))))
    for window in windows:
        if window is not None and not 1 <= window < steps:
            raise SearchError(f"a window of {window} time steps; the data have windows of {steps}")
    for stride in chosen.get("strides", (1,)):
        if stride > steps:
            raise SearchError(f"a stride of {stride} in windows of {steps} time steps; expected at most {steps}")
    return Space(**{**chosen, "windows": windows})


def suggest(trial: Suggests, space: Space) -> Proposal:
    """Ask a trial of a study for a candidate. `parameters` is the way back."""
    cell = trial.suggest_categorical("cell", space.cells)
    if cell == HYBRID:
        cells = tuple(trial.suggest_categorical("order", ORDERS).split("+"))
    elif cell in RECURRENT_CELLS:
        cells = (cell,) * trial.suggest_int("layers", 1, space.layers)
    else:
        cells = (cell,)
    last = len(space.sizes) - 1
    layers = tuple((name, space.sizes[trial.suggest_int(f"size_{i}", 0, last)]) for i, name in enumerate(cells, 1))
    # None is no value that every storage keeps apart from others.
    window = trial.suggest_categorical("window", tuple(value or 0 for value in space.windows))
    configuration = Configuration(
        layers,
        trial.suggest_categorical("scheme", space.schemes),
        trial.suggest_categorical("input", space.inputs),
        window or None,
        trial.suggest_categorical("stride", space.strides),
    )
    dropout = trial.suggest_float("dropout", 0.0, space.dropout, step=0.05) if cell not in REFERENCES and space.dropout else 0.0
    rate = trial.suggest_float("learning_rate", *space.learning_rates, log=True)
    return Proposal(configuration, round(dropout, 2), rate)


def parameters(proposal: Proposal, space: Space) -> dict[str, Any]:
    """Return what a trial of a study would have suggested to make this candidate.

    Raises ValueError where the space does not hold it.
    """
    network = proposal.configuration
    names = [name for name, _ in network.layers]
    found: dict[str, Any] = {}
    if len(set(names)) > 1:
        found |= {"cell": HYBRID, "order": network.cell}
    elif network.reference:
        found["cell"] = names[0]
    else:
        found |= {"cell": names[0], "layers": len(names)}
    found |= {f"size_{i}": space.sizes.index(units) for i, (_, units) in enumerate(network.layers, 1)}
    found |= {"window": network.window or 0, "scheme": network.scheme, "input": network.input_dtype, "stride": network.stride}
    if not network.reference and space.dropout:
        found["dropout"] = proposal.dropout
    found["learning_rate"] = proposal.learning_rate
    _check_held(found, space)
    return found


def _check_held(found: dict[str, Any], space: Space) -> None:
    choices = {
        "cell": space.cells,
        "layers": range(1, space.layers + 1),
        "scheme": space.schemes,
        "input": space.inputs,
        "window": tuple(value or 0 for value in space.windows),
        "stride": space.strides,
    }
    low, high = space.learning_rates
    outside = [name for name, known in choices.items() if name in found and found[name] not in known]
    outside += ["dropout"] * (found.get("dropout", 0.0) > space.dropout)
    outside += ["learning_rate"] * (not low <= found["learning_rate"] <= high)
    if outside:
        raise ValueError(f"not in the space: {', '.join(f'{name} {found[name]}' for name in outside)}")


def plain(cell: str, units: int, space: Space) -> Proposal:
    """Return the plainest candidate of a cell: one layer (a hybrid has two), the first scheme, all of the window."""
    names = ORDERS[0].split("+") if cell == HYBRID else [cell]
    stride = 1 if 1 in space.strides else space.strides[0]
    network = Configuration(tuple((name, units) for name in names), space.schemes[0], space.inputs[0], space.windows[0], stride)
    low, high = space.learning_rates
    return Proposal(network, 0.0, min(max(LEARNING_RATE, low), high))
