"""Self-attention."""

from __future__ import annotations

import numpy as np

from edgeseq.arith.attention import softmax_weights, weighted_mean
from edgeseq.arith.requantize import requantize
from edgeseq.quantize.types import QuantAttention
from edgeseq.simulate.runners.base import Int, Runner
from edgeseq.simulate.runners.dense import DenseRunner


class AttentionRunner(Runner[QuantAttention]):
    """Twin: es_attend_s16.c."""

    def __init__(self, layer: QuantAttention, batch: int, zero_point: int | None) -> None:
        self.inputs = [DenseRunner(part, batch, zero_point) for part in layer.projections[:3]]
        self.output = DenseRunner(layer.output, batch, None)
        super().__init__(layer, batch, zero_point)

    def run(self, x: Int) -> Int:
        """All pairs of steps of each window."""
        layer = self.layer
        query, key, value = (self._in_heads(part.run(x)) for part in self.inputs)
        limit = 1 << layer.key_bits
        key = np.clip(key, -limit, limit - 1)
        # float64 products are exact: sums stay below 2**31.
        sums = (query.astype(np.float64) @ key.transpose(0, 1, 3, 2).astype(np.float64)).astype(np.int64)
        scores = requantize(sums, np.array(layer.multiplier), layer.shift)
        context = weighted_mean(softmax_weights(scores, layer.fraction_bits), value)
        return self.output.run(context.transpose(0, 2, 1, 3).reshape(*x.shape[:2], -1))

    def _in_heads(self, values: Int) -> Int:
        """(batch, time, units) -> (batch, heads, time, units per head)."""
        return values.reshape(*values.shape[:2], self.layer.heads, -1).transpose(0, 2, 1, 3)
