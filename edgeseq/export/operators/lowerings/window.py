"""Layers that look at a whole window at once."""

from __future__ import annotations

from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.export.operators.types import Tensor
from edgeseq.quantize.types import QuantBidirectional, QuantLastStep, QuantReverse


def reverse(build: Builder, layer: QuantReverse, x: Steps, *, codes: bool) -> Steps:
    """The last step first."""
    return x.reversed()


def last_step(build: Builder, layer: QuantLastStep, x: Steps, *, codes: bool) -> Steps:
    """The last step alone."""
    return x.last()


def merge(build: Builder, layer: QuantBidirectional, forward: Tensor, backward: Tensor) -> Tensor:
    """Of the same steps of both halves."""
    match layer.merge:
        case "concat":
            return build.concat([forward, backward], 1)
        case "sum" | "ave":
            return build.relabel(build.add(build.halve(forward), build.halve(backward)), layer.out_scale)
        case "mul":
            return build.multiply(forward, backward, layer.out_scale)
