"""Layers that look at one time step alone."""

from __future__ import annotations

from edgeseq.arith.scale import Q15
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.lowerings.functions import apply, argument_scale
from edgeseq.export.operators.lowerings.matrix import doubled_codes, matrix
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.export.operators.types import Tensor
from edgeseq.quantize.types import UNIT_FUNCTIONS, QuantDense, QuantRelu, QuantWiden


def dense(build: Builder, layer: QuantDense, x: Steps, *, codes: bool) -> Steps:
    """int8 codes enter doubled, any int16 as it is."""
    scale = layer.scale
    if layer.activation in UNIT_FUNCTIONS:
        scale = argument_scale(layer.activation, layer.preactivation_shift, 0)
    shared = matrix(build, layer.matvec)

    def product(value: Tensor) -> Tensor:
        operand = doubled_codes(build, value) if layer.input_dtype == "int8" else value
        return apply(build, layer.activation, build.fully_connected(operand, shared, scale))

    assert layer.activation not in UNIT_FUNCTIONS or layer.scale == Q15
    return x.apply(product)


def relu(build: Builder, layer: QuantRelu, x: Steps, *, codes: bool) -> Steps:
    """Clamp at zero."""
    return x.apply(build.relu)


def widen(build: Builder, layer: QuantWiden, x: Steps, *, codes: bool) -> Steps:
    """The model's input codes as an int16 tensor."""
    return x.apply(lambda value: (build.widen if value.dtype == "int8" else build.shift_left)(value, layer.shift))
