"""Integer recurrent layers. The state is int16 in steps of 2^-15 whatever the scheme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edgeseq.arith.scale import Q15, Scale
from edgeseq.quantize.types.base import Matvec, Operand, QuantLayer


@dataclass(frozen=True, slots=True, eq=False)
class QuantRecurrent(QuantLayer):
    """Both matrices of a cell, gate-major.

    gates: row blocks; carried: int16 vectors of `units` that survive a step, hidden state first.
    operand: how the hidden state, and an int16 x, enter the products.
    """

    gates: ClassVar[int]
    carried: ClassVar[int] = 1

    input: Matvec
    recurrent: Matvec
    preactivation_shift: int
    operand: Operand

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.recurrent.columns

    @property
    def out_scale(self) -> Scale:
        """Of the hidden state."""
        return Q15

    @property
    def carried_values(self) -> int:
        """All carried vectors."""
        return self.carried * self.units

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """Input, recurrent."""
        return self.input, self.recurrent


@dataclass(frozen=True, slots=True, eq=False)
class QuantGru(QuantRecurrent):
    """Rows of both matrices: all of z, all of r, all of the candidate.

    input bias holds all bias, but for the candidate's recurrent one when reset_after;
    the other recurrent rows have the constant bias 1 (odd, see the package docstring).
    """

    gates: ClassVar[int] = 3

    reset_after: bool


@dataclass(frozen=True, slots=True, eq=False)
class QuantLstm(QuantRecurrent):
    """Rows of both matrices: input, forget, candidate, output gates. Cell in steps of 2**(cell_shift-15)."""

    gates: ClassVar[int] = 4
    carried: ClassVar[int] = 2

    cell_shift: int


@dataclass(frozen=True, slots=True, eq=False)
class QuantSimpleRnn(QuantRecurrent):
    """``h = tanh(W x + U h + b)``."""

    gates: ClassVar[int] = 1
