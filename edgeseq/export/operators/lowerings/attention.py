"""Self-attention: `edgeseq.arith.attention` in operators, head by head."""

from __future__ import annotations

import numpy as np

from edgeseq.arith.attention import POWER_TABLE, TABLE_BITS
from edgeseq.arith.requantize import INT16_MAX, INT16_MIN
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.types import Tensor
from edgeseq.quantize.types import QuantAttention

_LARGEST_SHIFT = 17


def contexts(build: Builder, layer: QuantAttention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The values' means under the softmax of each step's scores, heads side by side: (steps, heads * size)."""
    limit = 1 << layer.key_bits
    clipped = build.maximum(build.minimum(key, build.filled(key, min(limit - 1, INT16_MAX))), build.filled(key, -limit))
    heads = [
        build.split(build.cast(tensor, "int32"), [tensor.units // layer.heads] * layer.heads, 1)
        for tensor in (query, clipped, value)
    ]
    parts = [_head(build, layer, *parts) for parts in zip(*heads, strict=True)]
    return build.cast(build.concat(parts, 1), "int16", layer.value.out_scale)


def _head(build: Builder, layer: QuantAttention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    steps, size = query.shape
    sums = build.sum(build.multiply(build.reshape(query, (steps, 1, size)), build.reshape(key, (1, steps, size))))
    weights = _softmax(build, _scores(build, layer, build.reshape(sums, (steps, steps))), layer.fraction_bits)
    by_value = build.reshape(build.transpose(value), (1, value.units, steps))
    total = build.sum(build.multiply(build.reshape(weights, (steps, 1, steps)), by_value))
    rounded = build.add(build.reshape(total, (steps, value.units)), build.integer(1 << 14))
    return _saturated(build, build.floor_divide(rounded, build.integer(1 << 15)))


def _scores(build: Builder, layer: QuantAttention, sums: Tensor) -> Tensor:
    """Requantised: below 2**46 before the shift by 16 to 32, which HighWord makes of a product."""
    product = build.multiply(build.cast(sums, "int64"), build.integer(layer.multiplier, "int64"))
    rounded = build.add(product, build.integer(1 << (layer.shift - 1), "int64"))
    return _saturated(build, build.high_word(build.multiply(rounded, build.integer(1 << (32 - layer.shift), "int64"))))


def _saturated(build: Builder, x: Tensor) -> Tensor:
    return build.minimum(build.maximum(x, build.integer(INT16_MIN)), build.integer(INT16_MAX))


def _softmax(build: Builder, scores: Tensor, fraction_bits: int) -> Tensor:
    """`softmax_weights` of each row."""
    powers = _negative_power(build, build.subtract(build.largest(scores, -1), scores), fraction_bits)
    total = build.sum(powers)
    # total is 2**15 to 2**30; up brings it to 2**30.
    reached = build.less(total, build.constant((1 << np.arange(16, 31))[None].astype(np.int32)))
    up = build.sum(reached)
    ups = np.arange(16)
    raised = build.multiply(total, build.gather(build.constant((1 << ups).astype(np.int32)), up))
    divisor = build.floor_divide(raised, build.integer(1 << 15))
    # 2**31 // divisor, whose dividend int32 does not hold: only 2**15 divides it.
    whole = build.floor_divide(build.integer((1 << 31) - 1), divisor)
    reciprocal = build.add(whole, build.less(divisor, build.integer((1 << 15) + 1)))
    product = build.multiply(build.cast(powers, "int64"), build.cast(reciprocal, "int64"))
    rounded = build.add(product, build.gather(build.constant(1 << (30 - ups)), up))
    # A shift by 31 - up.
    return build.high_word(build.multiply(rounded, build.gather(build.constant(1 << (1 + ups)), up)))


def _negative_power(build: Builder, distance: Tensor, fraction_bits: int) -> Tensor:
    """`negative_power` of int32."""
    one, unit = build.integer(1), build.integer(1 << fraction_bits)
    step = build.integer(1 << (fraction_bits - TABLE_BITS))
    fraction = build.floor_modulo(distance, unit)
    index, between = build.floor_divide(fraction, step), build.floor_modulo(fraction, step)
    table = build.constant(POWER_TABLE.astype(np.int32))
    left, right = build.gather(table, index), build.gather(table, build.add(index, one))
    value = build.subtract(left, build.floor_divide(build.multiply(build.subtract(left, right), between), step))
    shift = build.minimum(build.floor_divide(distance, unit), build.integer(_LARGEST_SHIFT))
    divisors = (1 << np.arange(_LARGEST_SHIFT + 1)).astype(np.int32)
    rounded = build.add(value, build.gather(build.constant(divisors >> 1), shift))
    return build.floor_divide(rounded, build.gather(build.constant(divisors), shift))
