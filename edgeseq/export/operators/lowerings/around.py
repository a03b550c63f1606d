"""Layers around the recurrent ones."""

from __future__ import annotations

import numpy as np

from edgeseq.arith.pooling import MAX_POOLED_STEPS
from edgeseq.arith.scale import Scale
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.lowerings.functions import apply, argument_scale
from edgeseq.export.operators.lowerings.matrix import matrix
from edgeseq.export.operators.lowerings.root import normalized
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.export.operators.types import Tensor
from edgeseq.quantize.types import QuantDelay, QuantDepthwise, QuantEmbedding, QuantNormalize, QuantPool

_BELOW_ALL = 32768


def depthwise(build: Builder, layer: QuantDepthwise, x: Steps, *, codes: bool) -> Steps:
    """Channel by channel."""
    scale = layer.scale
    if layer.activation in ("sigmoid", "tanh"):
        scale = argument_scale(layer.activation, layer.preactivation_shift, 0)
    shared = matrix(build, layer.matvec)
    return x.apply(lambda value: apply(build, layer.activation, build.depthwise(value, shared, layer.channels, scale)))


def embedding(build: Builder, layer: QuantEmbedding, x: Steps, *, codes: bool) -> Steps:
    """Rows of the table as the top bytes of int16."""
    table = build.constant(layer.table, layer.scale.times_power_of_two(8))

    def rows(value: Tensor) -> Tensor:
        wide = build.reshape(build.cast(value, "int32"), (value.shape[0],))
        index = build.minimum(build.maximum(wide, _vector(build, 0)), _vector(build, len(layer.table) - 1))
        return build.widen(build.gather(table, index), 8)

    return x.apply(rows)


def _vector(build: Builder, value: int) -> Tensor:
    return build.constant(np.array([value], np.int32))


def delay(build: Builder, layer: QuantDelay, x: Steps, *, codes: bool) -> Steps:
    """Past steps and the present ones in one line, cut at each tap. The state is the line's end, the oldest step first."""
    whole, count = x.whole, x.count
    narrow = layer.dtype == "int8"
    name = f"{layer.name}/past"
    scale = layer.scale.times_power_of_two(8) if narrow else layer.scale
    before = build.state(name, (layer.history, layer.size), layer.dtype, scale)
    line = build.concat([before, build.narrow(whole) if narrow else whole], 0)
    build.keep(name, before, build.slice(line, count, layer.history))
    taps = build.concat([build.slice(line, tap * layer.dilation, count) for tap in range(layer.taps - 1)], 1)
    return Steps(build, whole=build.concat([build.widen(taps, 8) if narrow else taps, whole], 1))


def pool_window(build: Builder, layer: QuantPool, x: Steps) -> Steps:
    """What pooling leaves of a window that starts from zero."""
    return Steps(build, rows=[(build.largest if layer.function == "max" else build.mean)(x.in_any_order)])


def pool(build: Builder, layer: QuantPool, x: Steps, *, codes: bool) -> Steps:
    """The value so far, after every step."""
    return (_largest if layer.function == "max" else _mean)(build, layer, x)


def _largest(build: Builder, layer: QuantPool, x: Steps) -> Steps:
    """The state is how far the largest value is above the smallest one there is: zero at first."""
    name = f"{layer.name}/largest"
    before = largest = build.state(name, (1, layer.size), "int32", None)
    offset = build.integer(_BELOW_ALL)
    above = x.apply(lambda value: build.add(build.cast(value, "int32"), offset))
    rows = []
    for row in above.rows:
        largest = build.maximum(row, largest)
        rows.append(largest)
    build.keep(name, before, largest)
    return Steps(build, rows=rows).apply(lambda value: build.cast(build.subtract(value, offset), "int16", layer.scale))


def _mean(build: Builder, layer: QuantPool, x: Steps) -> Steps:
    """The states are the sum and how many steps are in it."""
    names = f"{layer.name}/sum", f"{layer.name}/count"
    old_total = total = build.state(names[0], (1, layer.size), "int32", None)
    old_count = count = build.state(names[1], (1, 1), "int32", None)
    one, two = build.integer(1), build.integer(2)
    rows = []
    for row in x.apply(lambda value: build.cast(value, "int32")).rows:
        # Both are halved once they are full.
        halver = build.subtract(two, build.less(count, build.integer(MAX_POOLED_STEPS)))
        total = build.add(build.floor_divide(total, halver), row)
        count = build.add(build.floor_divide(count, halver), one)
        rows.append(build.cast(_mean_of(build, total, count), "int16", layer.scale))
    build.keep(names[0], old_total, total)
    build.keep(names[1], old_count, count)
    return Steps(build, rows=rows)


def _mean_of(build: Builder, total: Tensor, count: Tensor) -> Tensor:
    """`edgeseq.arith.pooling.mean_of` of int32, its multiplier by a division in two parts, which int32 holds."""
    one, two = build.integer(1), build.integer(2)
    powers = 1 << np.arange(1, 15)
    reached = build.subtract(one, build.less(count, build.constant(powers[None].astype(np.int32))))
    # 2**s, the largest power of two up to the count, is 1 + 1 + 2 + ... + 2**(s-1).
    power = build.add(build.sum(build.multiply(reached, build.constant((powers[None] // 2).astype(np.int32)))), one)
    numerator = build.integer(1 << 30)
    quotient = build.multiply(build.floor_divide(numerator, count), power)
    rest = build.floor_divide(build.multiply(build.floor_modulo(numerator, count), power), count)
    multiplier = build.add(quotient, rest)
    # (total * multiplier + 2**30) >> 31, a step before that.
    product = build.multiply(build.cast(total, "int64"), build.cast(multiplier, "int64"))
    rounded = build.add(product, build.integer(1 << 30, "int64"))
    wide = build.high_word(build.multiply(rounded, build.integer(2, "int64")))
    # Of a count of 1 the power has no half; the total itself is then what counts.
    half = build.maximum(build.floor_divide(power, two), one)
    negative = build.less(wide, build.integer(0))
    tie = build.add(build.floor_divide(build.subtract(half, one), two), negative)
    mean = build.add(build.floor_divide(wide, half), build.less(tie, build.floor_modulo(wide, half)))
    single = build.less(count, two)
    return build.add(build.multiply(total, single), build.multiply(mean, build.subtract(one, single)))


def normalize(build: Builder, layer: QuantNormalize, x: Steps, *, codes: bool) -> Steps:
    """Over the values of each step."""
    scale = Scale(1, -layer.fraction_bits)
    return x.apply(lambda value: build.cast(normalized(build, value, layer.epsilon, layer.fraction_bits), "int16", scale))
