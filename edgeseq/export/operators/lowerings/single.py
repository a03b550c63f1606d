"""Layers that look at one time step alone."""

from __future__ import annotations

import numpy as np

from edgeseq.arith.lookup import ENTRIES, STEP
from edgeseq.arith.scale import Q15
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.lowerings.functions import apply, argument_scale
from edgeseq.export.operators.lowerings.matrix import doubled_codes, matrix
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.export.operators.types import Tensor
from edgeseq.quantize.types import UNIT_FUNCTIONS, QuantDense, QuantLookup, QuantRectify, QuantRelu, QuantWiden


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


def rectify(build: Builder, layer: QuantRectify, x: Steps, *, codes: bool) -> Steps:
    """Straight pieces: each zero where the other counts."""
    slope = build.constant(np.broadcast_to(layer.slope, (1, layer.size)).astype(np.int16), Q15)

    def pieces(value: Tensor) -> Tensor:
        threshold = build.filled(value, layer.threshold)
        below = build.multiply(build.subtract(build.minimum(value, threshold), threshold), slope, value.scale)
        limited = build.cast(build.minimum(value, build.filled(value, layer.limit)), "int32")
        counts = build.subtract(build.integer(1), build.less(build.cast(value, "int32"), build.integer(layer.threshold)))
        total = build.add(build.cast(below, "int32"), build.multiply(limited, counts))
        return build.cast(total, "int16", layer.out_scale)

    return x.apply(pieces)


def lookup(build: Builder, layer: QuantLookup, x: Steps, *, codes: bool) -> Steps:
    """Entry below, and a straight line to the next."""
    table = build.constant(layer.table)

    def interpolate(value: Tensor) -> Tensor:
        wide, step = build.cast(value, "int32"), build.integer(STEP)
        index = build.add(build.floor_divide(wide, step), build.integer(ENTRIES // 2))
        base = build.cast(build.gather(table, index), "int32")
        after = build.cast(build.gather(table, build.add(index, build.integer(1))), "int32")
        line = build.multiply(build.subtract(after, base), build.floor_modulo(wide, step))
        rise = build.floor_divide(build.add(line, build.integer(STEP // 2)), step)
        return build.cast(build.add(base, rise), "int16", layer.out_scale)

    return x.apply(interpolate)
