"""Integer layers that look at one time step alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeseq.arith.scale import Scale
from edgeseq.quantize.types.base import Matvec, Operand, QuantLayer

DenseFunction = Literal["linear", "relu", "sigmoid", "tanh", "hard_sigmoid", "hard_sigmoid_keras2"]
# Those whose result is in steps of 2^-15.
UNIT_FUNCTIONS: tuple[DenseFunction, ...] = ("sigmoid", "tanh", "hard_sigmoid", "hard_sigmoid_keras2")


@dataclass(frozen=True, slots=True, eq=False)
class QuantDense(QuantLayer):
    """Dense layer with int16 output.

    input_dtype: int8 only when fed by an int8 model input; otherwise the full int16 tensor.
    activation: linear, relu, or one with a pre-activation scale (then preactivation_shift > 0).
    scale: of the output.
    """

    matvec: Matvec
    input_dtype: Operand
    activation: DenseFunction
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
