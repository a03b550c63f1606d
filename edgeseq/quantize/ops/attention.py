"""Self-attention -> integers."""

from __future__ import annotations

import math
from dataclasses import replace

from edgeseq.arith.attention import MAX_FRACTION_BITS, MIN_FRACTION_BITS
from edgeseq.arith.requantize import MAX_MULTIPLIER, MAX_SHIFT, MIN_SHIFT
from edgeseq.errors import CalibrationError
from edgeseq.graph import SelfAttention
from edgeseq.quantize.ops.dense import dense
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.types import QuantAttention

# Scores of unseen windows exceed the calibrated ones; this much costs less than half a bit.
SCORE_HEADROOM = 1.25


def self_attention(layer: SelfAttention, tensor: Tensor, settings: Settings, *, last: bool) -> QuantAttention:
    """Projections take the layer's scheme; the scores' factor holds the scales, 1 / sqrt(key size) and the base."""
    scheme = settings.layers.get(layer.name, settings.scheme)
    settings = replace(settings, layers={part.name: scheme for part in layer.projections} | dict(settings.layers))
    key_size = layer.key.units // layer.heads
    # query * key * key size < 2**15 * 2**bits * key size <= 2**30.
    key_bits = 15 - (key_size - 1).bit_length()
    if key_bits < 7:
        raise CalibrationError(f"layer {layer.name!r}: key_dim={key_size}; up to 256 fits its int32 accumulator. Use more heads")
    query, value = (dense(part, tensor, settings, last=False) for part in (layer.query, layer.value))
    key = dense(layer.key, tensor, _with_range(settings, layer.key.name, 2.0 ** (15 - key_bits)), last=False)
    largest = SCORE_HEADROOM * math.log2(math.e) * settings.ranges.max_abs[layer.name, "scores"]
    room = math.floor(math.log2(32767 / max(largest, 2.0**-10)))
    fraction_bits = min(MAX_FRACTION_BITS, max(MIN_FRACTION_BITS, room))
    factor = query.scale.value * key.scale.value * math.log2(math.e) / math.sqrt(key_size) * 2.0**fraction_bits
    shift = min(MAX_SHIFT, math.floor(math.log2(MAX_MULTIPLIER / factor)))
    multiplier = round(factor * 2.0**shift)
    if shift < MIN_SHIFT or not 1 <= multiplier <= MAX_MULTIPLIER:
        raise CalibrationError(
            f"layer {layer.name!r}: scores of {largest:.3g} from queries of {query.scale.value:.3g} and keys of "
            f"{key.scale.value:.3g} a step have no 15-bit factor. Normalise the layer's input and train again"
        )
    context = Tensor(value.units, value.scale, bound=32768 * value.scale.value)
    output = dense(layer.output, context, settings, last=last)
    return QuantAttention(layer.name, query, key, value, output, layer.heads, key_bits, multiplier, shift, fraction_bits)


def _with_range(settings: Settings, name: str, factor: float) -> Settings:
    """The same settings, but for a wider range of a layer's result."""
    key = (name, "before_activation")
    seen = settings.ranges.ranges[key]
    wider = settings.ranges.ranges | {key: replace(seen, reach=factor * seen.reach)}
    return replace(settings, ranges=replace(settings.ranges, ranges=wider))
