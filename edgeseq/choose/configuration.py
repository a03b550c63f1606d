"""A candidate network, and what the data fix for all candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeseq.quantize.types import SCHEMES, Scheme

RECURRENT_CELLS = ("rnn", "gru", "lstm", "fastgrnn", "mgu", "mingru")
# Networks over whole windows without recurrence (edgeseq.train.references); one entry in `layers` sizes all of one.
REFERENCES = ("tcn", "transformer")
InputDtype = Literal["int8", "int16"]


@dataclass(frozen=True, slots=True)
class TaskShape:
    """What the data fix.

    features: inputs of a time step. outputs: of the Dense head. window_steps: time steps of a window as it was cut.
    per_step: whether each time step has a target.
    """

    features: int
    outputs: int
    window_steps: int
    per_step: bool = False


@dataclass(frozen=True, slots=True)
class Configuration:
    """A network of recurrent layers, or a reference, with a Dense head.

    layers: (cell, units), input first. scheme: of all layers. input_dtype: of the input codes. window, stride: time
    steps that the network sees of a window, the last ones, and every how many; None: all, as the data have them.
    """

    layers: tuple[tuple[str, int], ...]
    scheme: Scheme = "int8"
    input_dtype: InputDtype = "int8"
    window: int | None = None
    stride: int = 1

    def __post_init__(self) -> None:
        known = (*RECURRENT_CELLS, *REFERENCES)
        for cell, units in self.layers:
            if cell not in known:
                raise ValueError(f"unknown cell {cell!r}; known: {', '.join(known)}")
            if units < 1:
                raise ValueError(f"{cell} with {units} units; expected at least 1")
        if not self.layers or (len(self.layers) > 1 and self.reference):
            raise ValueError(f"{self.title or 'no layer'}: expected recurrent layers, or one of {', '.join(REFERENCES)}")
        if self.scheme not in SCHEMES:
            raise ValueError(f"unknown scheme {self.scheme!r}; known: {', '.join(SCHEMES)}")

    @property
    def cell(self) -> str:
        """Names of the layers' cells, one for all or joined by '+'.

        >>> Configuration((("lstm", 16), ("gru", 8))).cell, Configuration((("gru", 16), ("gru", 8))).cell
        ('lstm+gru', 'gru')
        """
        names = [name for name, _ in self.layers]
        return names[0] if len(set(names)) == 1 else "+".join(names)

    @property
    def units(self) -> tuple[int, ...]:
        """Units of each layer."""
        return tuple(units for _, units in self.layers)

    @property
    def reference(self) -> bool:
        """Whether it needs whole windows: no recurrent layer."""
        return any(cell in REFERENCES for cell, _ in self.layers)

    @property
    def title(self) -> str:
        """Short name.

        >>> Configuration((("lstm", 16), ("gru", 8)), "int8x4").title
        'lstm(16)+gru(8) int8x4'
        """
        return "+".join(f"{cell}({units})" for cell, units in self.layers) + f" {self.scheme}"

    def steps(self, shape: TaskShape) -> int:
        """Time steps that the network sees of one window."""
        return -(-(self.window or shape.window_steps) // self.stride)
