"""What the recurrent layers of Keras and of `edgeseq.train.compact_layers` compute, as far as scales depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgeseq.arith.scale import RowScales, Scale, row_scales

# Functions of a candidate; those of gates, which are held in [0, 1), are the bounded ones that are never negative.
CANDIDATE_FUNCTIONS = ("tanh", "sigmoid", "hard_sigmoid", "relu", "linear")
GATE_FUNCTIONS = ("sigmoid", "hard_sigmoid")
UNBOUNDED = ("relu", "linear")


@dataclass(frozen=True, slots=True)
class Blocks:
    """The row blocks of a cell's matrices. functions: of each; candidate: the block that holds new content.

    bounded: whether no input can bring the state outside [-1, 1].
    """

    functions: tuple[str, ...]
    candidate: int
    bounded: bool

    @property
    def unbounded_candidate(self) -> bool:
        """Whether its result has steps of its own instead of 2**-15."""
        return self.functions[self.candidate] in UNBOUNDED

    def scales(self, preactivation_shift: int, candidate_shift: int, units: int) -> Scale | RowScales:
        """Of the requantised rows."""
        return row_scales(self.functions, preactivation_shift, [candidate_shift] * len(self.functions), units)


def blocks(kind: str, activation: str = "tanh", recurrent_activation: str = "sigmoid") -> Blocks:
    """Return those of a layer class, named as Keras and `compact_layers` name it."""
    gate, bounded = recurrent_activation, activation not in UNBOUNDED
    match kind:
        case "GRU":
            return Blocks((gate, gate, activation), 2, bounded)
        case "LSTM":
            return Blocks((gate, gate, activation, gate), 2, bounded)
        case "SimpleRNN":
            return Blocks((activation,), 0, bounded)
        case "MGU":
            return Blocks(("sigmoid", "tanh"), 1, bounded=True)
        case "MinGRU":
            return Blocks(("sigmoid", "linear"), 1, bounded=False)
        case "FastGRNN":
            return Blocks(("tanh",), 0, bounded=False)
        case _:
            raise ValueError(f"no recurrent layer: {kind}")


def blocks_of(layer: Any) -> Blocks:
    """Return those of a float layer."""
    config = layer.get_config()
    chosen = {key: config[key] for key in ("activation", "recurrent_activation") if key in config}
    return blocks(type(layer).__name__, **chosen)
