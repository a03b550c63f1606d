"""Integer recurrent layers. The state is int16 whatever the scheme, in steps of 2^-15 where it is bounded."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from edgeseq.arith.scale import Scale, function_scale, power_of_two
from edgeseq.graph.layers import UNBOUNDED, CellFunction
from edgeseq.quantize.types.base import Matvec, Operand, QuantLayer


@dataclass(frozen=True, slots=True, eq=False)
class QuantRecurrent(QuantLayer):
    """A layer with a hidden state. Rows of its matrices are gate-major.

    gates: row blocks; carried: int16 vectors of `units` that survive a step, hidden state first.
    operand: how the hidden state, and an int16 x, enter the products. The state is in steps of 2**(state_shift-15).
    candidate_shift: n of the steps of 2**(n-15) that a relu or linear candidate has before it is brought to the state's,
    which products of large weights cannot reach; 0 if bounded.
    """

    gates: ClassVar[int]
    carried: ClassVar[int] = 1

    preactivation_shift: int
    operand: Operand
    state_shift: int = field(default=0, kw_only=True)
    candidate_shift: int = field(default=0, kw_only=True)

    @property
    def out_scale(self) -> Scale:
        """Of the hidden state."""
        return power_of_two(self.state_shift)

    @property
    def carried_values(self) -> int:
        """All carried vectors."""
        return self.carried * self.units

    @property
    @abstractmethod
    def functions(self) -> tuple[CellFunction, ...]:
        """What is applied to each row block."""

    @property
    def block_scales(self) -> tuple[Scale, ...]:
        """Of each row block's requantised result: a function's argument, or what relu and linear leave as it is."""
        shifts = (self.unbounded_shift(block) for block in range(self.gates))
        return tuple(function_scale(f, self.preactivation_shift, s) for f, s in zip(self.functions, shifts, strict=True))

    def unbounded_shift(self, block: int) -> int:
        """N of the steps of 2**(n-15) that the block's relu or linear result is in."""
        return self.candidate_shift


@dataclass(frozen=True, slots=True, eq=False)
class QuantPair(QuantRecurrent):
    """A cell of two matrices, one for x and one for the hidden state."""

    input: Matvec
    recurrent: Matvec

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.recurrent.columns

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """Input, recurrent."""
        return self.input, self.recurrent


@dataclass(frozen=True, slots=True, eq=False)
class QuantGated(QuantPair):
    """A cell whose functions may be chosen. Gates are in steps of 2**(gate_shift-15), 0 unless relu or linear."""

    activation: CellFunction = field(default="tanh", kw_only=True)
    recurrent_activation: CellFunction = field(default="sigmoid", kw_only=True)
    gate_shift: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True, eq=False)
class QuantGru(QuantGated):
    """Rows of both matrices: all of z, all of r, all of the candidate.

    input bias holds all bias, but for the candidate's recurrent one when reset_after;
    the other recurrent rows have the constant bias 1 (odd, see the package docstring).
    """

    gates: ClassVar[int] = 3

    reset_after: bool

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """Two gates, candidate."""
        return self.recurrent_activation, self.recurrent_activation, self.activation

    def unbounded_shift(self, block: int) -> int:
        """Of the candidate or a gate."""
        return self.candidate_shift if block == 2 else self.gate_shift


@dataclass(frozen=True, slots=True, eq=False)
class QuantLstm(QuantGated):
    """Rows of both matrices: input, forget, candidate, output gates. Cell in steps of 2**(cell_shift-15)."""

    gates: ClassVar[int] = 4
    carried: ClassVar[int] = 2

    cell_shift: int

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """Two gates, candidate, output gate."""
        return self.recurrent_activation, self.recurrent_activation, self.activation, self.recurrent_activation

    def unbounded_shift(self, block: int) -> int:
        """A candidate has the cell's steps."""
        return self.cell_shift if block == 2 else self.gate_shift

    @property
    def added_shift(self) -> int:
        """Of the product i * g, into the cell's steps."""
        return 15 - self.gate_shift + (0 if self.activation in UNBOUNDED else self.cell_shift)

    @property
    def hidden_shift(self) -> int:
        """Of the product o * activation(c), into the state's steps."""
        return 15 - self.gate_shift + self.state_shift - (self.cell_shift if self.activation in UNBOUNDED else 0)


@dataclass(frozen=True, slots=True, eq=False)
class QuantSimpleRnn(QuantPair):
    """``h = activation(W x + U h + b)``."""

    gates: ClassVar[int] = 1

    activation: CellFunction = field(default="tanh", kw_only=True)

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """The one."""
        return (self.activation,)


@dataclass(frozen=True, slots=True, eq=False)
class QuantMgu(QuantPair):
    """Rows of both matrices: gate f, candidate. ``h' = (h - f*h) + f*c``; the candidate's recurrent rows read f * h."""

    gates: ClassVar[int] = 2

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """Gate, candidate."""
        return "sigmoid", "tanh"


@dataclass(frozen=True, slots=True, eq=False)
class QuantMinGru(QuantRecurrent):
    """Rows of its only matrix: gate z, candidate, which has the state's steps. ``h' = (h - z*h) + z*c``."""

    gates: ClassVar[int] = 2

    input: Matvec

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.input.rows // 2

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """The one."""
        return (self.input,)

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """Gate, candidate."""
        return "sigmoid", "linear"


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """First of two factors of a matrix. scale: of its int16 result, which the second reads as any int16 tensor.

    shift: requantised rows are shifted left by so much to get there, since few bits of weights and operands
    cannot fill 16 by a multiplier below 1.
    """

    matvec: Matvec
    scale: Scale
    shift: int


@dataclass(frozen=True, slots=True, eq=False)
class QuantFastGrnn(QuantRecurrent):
    """``h' = z*h + nu*c + zeta*(c - z*c)``, z and c of one sum of an input and a state part.

    input and recurrent: the matrices, or the second factors of those that have a first one. The bias of z is in the
    input's; candidate_bias: int16 (units,), added to the sum for c. zeta, nu: in steps of 2^-15.
    """

    gates: ClassVar[int] = 1

    input: Matvec
    recurrent: Matvec
    input_factor: Factor | None
    recurrent_factor: Factor | None
    candidate_bias: npt.NDArray[np.int16]
    zeta: int
    nu: int

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.input.rows

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """Input factor, input, recurrent factor, recurrent."""
        pairs = ((self.input_factor, self.input), (self.recurrent_factor, self.recurrent))
        return tuple(m for factor, last in pairs for m in (*([factor.matvec] if factor else []), last))

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """Of the sum; z and c read it at the same scale."""
        return ("tanh",)
