"""Matrices, and how tensors enter their products."""

from __future__ import annotations

import numpy as np

from edgeseq.arith.scale import Scale
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.types import Matrix, Tensor
from edgeseq.quantize.types import Matvec, Operand


def matrix(build: Builder, matvec: Matvec, first: int = 0, last: int | None = None) -> Matrix:
    """Rows first to last of a matrix."""
    rows = slice(first, last)
    weight = build.constant(matvec.weight[rows])
    bias = build.constant(matvec.bias[rows].astype(np.int64))
    return Matrix(weight, bias, matvec.multiplier[rows], matvec.shift, matvec.bits)


def doubled_codes(build: Builder, x: Tensor) -> Tensor:
    """Twice the model's input codes less their zero point, as int16."""
    return build.widen(x, 1) if x.dtype == "int8" else build.shift_left(x, 1)


def doubled_view(build: Builder, x: Tensor, operand: Operand) -> Tensor:
    """Twice the top byte of an int16 tensor, or twice its upper 15 bits."""
    return build.widen(build.narrow(x), 1) if operand == "int8" else build.shift_left(build.halve(x), 1)


def entering(build: Builder, x: Tensor, operand: Operand, *, codes: bool) -> Tensor:
    """How doubled products read a tensor. codes: it holds the model's input."""
    return doubled_codes(build, x) if codes else doubled_view(build, x, operand)


def rows_in_groups(
    build: Builder, x: Tensor, matvec: Matvec, units: int, groups: list[tuple[int, int]], scales: tuple[Scale, ...]
) -> list[Tensor]:
    """Products of row blocks, of `units` rows each, by groups of blocks (first, behind the last) of one scale.

    scales: of every block. Groups of one scale that follow each other are one product.
    """
    alike = {scales[first] for first, _ in groups}
    if len(alike) == 1:
        first, last = groups[0][0], groups[-1][1]
        whole = build.fully_connected(x, matrix(build, matvec, first * units, last * units), scales[first])
        return list(build.split(whole, [(b - a) * units for a, b in groups], 1))
    return [build.fully_connected(x, matrix(build, matvec, a * units, b * units), scales[a]) for a, b in groups]
