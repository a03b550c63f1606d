"""What runs one layer: integers of whole stretches of a stream in and out, its state kept in between."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from edgeseq.arith.product import halve, narrow_to_int8
from edgeseq.arith.requantize import requantize
from edgeseq.quantize.types import Matvec, Operand, QuantLayer

Int: TypeAlias = npt.NDArray[np.int32]
L = TypeVar("L", bound=QuantLayer)


class Runner(ABC, Generic[L]):
    """One layer on `batch` streams.

    zero_point: of the input codes that the first layer of a model reads, or None for an int16 tensor.
    """

    def __init__(self, layer: L, batch: int, zero_point: int | None) -> None:
        self.layer = layer
        self.batch = batch
        self.zero_point = zero_point
        self.reset()

    def reset(self) -> None:
        """Forget the stream; by default there is nothing to forget."""

    @abstractmethod
    def run(self, x: Int) -> Int:
        """Advance over (batch, time, inputs); returns (batch, time, units)."""

    def carried(self) -> tuple[Int, ...]:
        """What survives a step, each (batch, time, n) after every step of the last `run`, in the order of the C struct."""
        return ()

    def restore(self, carried: Int) -> Int:
        """Take this layer's share of a snapshot (batch, n) from its front; returns the rest."""
        return carried

    def operand(self, x: Int, operand: Operand) -> Int:
        """The layer's input as doubled products read it."""
        if self.zero_point is not None:
            return x - self.zero_point
        return as_operand(x, operand)


def as_operand(value: Int, operand: Operand) -> Int:
    """An int16 tensor as doubled products read it."""
    return narrow_to_int8(value) if operand == "int8" else halve(value)


class Products:
    """Requantised products of one matrix."""

    def __init__(self, matrix: Matvec) -> None:
        self.matrix = matrix
        # float64 products are exact here: |acc| < 2**31 by construction, far below 2**53.
        self._weight = matrix.weight.T.astype(np.float64)

    def doubled(self, x: Int) -> Int:
        """Doubled sums and an odd bias."""
        return self._requantized(2 * self._sum(x))

    def plain(self, x: Int) -> Int:
        """Sums as they are."""
        return self._requantized(self._sum(x))

    def _sum(self, x: Int) -> npt.NDArray[np.int64]:
        return (x.astype(np.float64) @ self._weight).astype(np.int64)

    def _requantized(self, acc: npt.NDArray[np.int64]) -> Int:
        return requantize(acc + self.matrix.bias, self.matrix.multiplier, self.matrix.shift)


AnyRunner: TypeAlias = Runner[Any]
