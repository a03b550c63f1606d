"""Layers that look at a whole window at once. They keep nothing: the oracle resets before each window."""

from __future__ import annotations

import numpy as np

from edgeseq.arith.product import halve, multiply_q15
from edgeseq.quantize.types import QuantBidirectional, QuantLastStep, QuantReverse
from edgeseq.simulate.runners.base import Int, Runner


class ReverseRunner(Runner[QuantReverse]):
    """Twin: the generated loops, which run backwards."""

    def run(self, x: Int) -> Int:
        """The last step first."""
        return x[:, ::-1]


class LastStepRunner(Runner[QuantLastStep]):
    """Twin: the generated loops, which keep no other step."""

    def run(self, x: Int) -> Int:
        """The last step alone."""
        return x[:, -1:]


class BidirectionalRunner(Runner[QuantBidirectional]):
    """Twin: the generated loops, es_add_halves_s16.c, es_multiply_s16.c."""

    def __init__(self, layer: QuantBidirectional, batch: int, zero_point: int | None) -> None:
        from edgeseq.simulate.runners import make_runners

        self.halves = [make_runners(chain, batch, zero_point) for chain in layer.chains]
        super().__init__(layer, batch, zero_point)

    def reset(self) -> None:
        """Forget both halves' states."""
        for runner in self.halves[0] + self.halves[1]:
            runner.reset()

    def run(self, x: Int) -> Int:
        """Both halves, merged."""
        results = []
        for half in self.halves:
            value = x
            for runner in half:
                value = runner.run(value)
            results.append(value)
        forward, backward = results
        match self.layer.merge:
            case "concat":
                return np.concatenate([forward, backward], axis=2)
            case "sum" | "ave":
                return halve(forward) + halve(backward)
            case "mul":
                return multiply_q15(forward, backward)

    def carried(self) -> tuple[Int, ...]:
        """Forward, backward, each in the order in which it ran."""
        return tuple(part for half in self.halves for runner in half for part in runner.carried())
