"""minGRU and FastGRNN, step by step."""

from __future__ import annotations

import numpy as np

from edgeseq.arith.product import multiply_q15, saturate_int16
from edgeseq.quantize.types import Factor, Matvec, QuantFastGrnn, QuantMinGru
from edgeseq.simulate.runners.base import Int, Products
from edgeseq.simulate.runners.functions import apply, candidate_in_state
from edgeseq.simulate.runners.recurrent import RecurrentRunner


class MinGruRunner(RecurrentRunner[QuantMinGru]):
    """Twin: es_min_gru_step.h."""

    def __init__(self, layer: QuantMinGru, batch: int, zero_point: int | None) -> None:
        self.from_input = Products(layer.input)
        super().__init__(layer, batch, zero_point)

    def input_part(self, x: Int) -> Int:
        """Of all rows."""
        return self.from_input.doubled(x)

    def step(self, from_input: Int, *state: Int) -> tuple[Int, ...]:
        """Gate, candidate."""
        (h,) = state
        units = self.layer.units
        z = apply("sigmoid", from_input[:, :units], self.layer.preactivation_shift)
        rest = saturate_int16(h - multiply_q15(z, h))
        candidate = candidate_in_state("linear", from_input[:, units:], self.layer)
        return (saturate_int16(rest + multiply_q15(z, candidate)),)


class FastGrnnRunner(RecurrentRunner[QuantFastGrnn]):
    """Twin: es_fast_grnn_step.h, es_project.h."""

    def __init__(self, layer: QuantFastGrnn, batch: int, zero_point: int | None) -> None:
        self.from_input = self._products(layer.input_factor, layer.input)
        self.from_state = self._products(layer.recurrent_factor, layer.recurrent)
        super().__init__(layer, batch, zero_point)

    @staticmethod
    def _products(factor: Factor | None, matrix: Matvec) -> tuple[Products | None, int, Products]:
        return (Products(factor.matvec) if factor else None), (factor.shift if factor else 0), Products(matrix)

    def _part(self, products: tuple[Products | None, int, Products], operand: Int) -> Int:
        """Through the first factor, if there is one, and the last."""
        first, shift, last = products
        if first is not None:
            operand = self.view(saturate_int16(first.doubled(operand) << shift))
        return last.doubled(operand)

    def input_part(self, x: Int) -> Int:
        """Of all rows."""
        return self._part(self.from_input, x)

    def step(self, from_input: Int, *state: Int) -> tuple[Int, ...]:
        """One sum for gate and candidate."""
        (h,) = state
        layer = self.layer
        total = saturate_int16(from_input + self._part(self.from_state, self.view(h)))
        z = apply("sigmoid", total, layer.preactivation_shift)
        c = apply("tanh", saturate_int16(total + layer.candidate_bias), layer.preactivation_shift)
        rest = saturate_int16(c - multiply_q15(z, c))
        zeta, nu = (np.full_like(c, value) for value in (layer.zeta, layer.nu))
        kept = saturate_int16(multiply_q15(z, h) + multiply_q15(nu, c, layer.state_shift))
        return (saturate_int16(kept + multiply_q15(zeta, rest, layer.state_shift)),)
