"""Integer layers that look at one time step alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeseq.arith.scale import Scale
from edgeseq.quantize.types.base import Matvec, Operand, QuantLayer


@dataclass(frozen=True, slots=True, eq=False)
class QuantDense(QuantLayer):
    """Dense layer with int16 output.

    input_dtype: int8 only when fed by an int8 model input; otherwise the full int16 tensor.
    activation: linear, relu, or sigmoid/tanh through the table (then preactivation_shift > 0).
    scale: of the output.
    """

    matvec: Matvec
    input_dtype: Operand
    activation: Literal["linear", "relu", "sigmoid", "tanh"]
    preactivation_shift: int
    scale: Scale

    @property
    def units(self) -> int:
        """Number of outputs."""
        return self.matvec.rows

    @property
    def out_scale(self) -> Scale:
        """The stored scale."""
        return self.scale

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """The one."""
        return (self.matvec,)


@dataclass(frozen=True, slots=True, eq=False)
class QuantRelu(QuantLayer):
    """``max(x, 0)`` on int16. size: values per time step; scale: of input and output."""

    size: int
    scale: Scale

    @property
    def units(self) -> int:
        """As many as go in."""
        return self.size

    @property
    def out_scale(self) -> Scale:
        """That of the input."""
        return self.scale

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """None."""
        return ()
