"""Layers that look at a whole window at once."""

from __future__ import annotations

from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.quantize.types import QuantLastStep, QuantReverse


def reverse(build: Builder, layer: QuantReverse, x: Steps, *, codes: bool) -> Steps:
    """The last step first."""
    return x.reversed()


def last_step(build: Builder, layer: QuantLastStep, x: Steps, *, codes: bool) -> Steps:
    """The last step alone."""
    return x.last()
