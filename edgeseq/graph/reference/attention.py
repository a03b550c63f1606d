"""Self-attention in float64."""

from __future__ import annotations

import numpy as np

from edgeseq.graph.attention import SelfAttention
from edgeseq.graph.layers import FloatArray
from edgeseq.graph.reference.activations import softmax
from edgeseq.graph.reference.dense import dense
from edgeseq.graph.reference.listener import Listener


def self_attention(layer: SelfAttention, x: FloatArray, listen: Listener) -> FloatArray:
    """Every head by itself, then the output projection; x: (batch, time, inputs)."""

    def in_heads(values: FloatArray) -> FloatArray:
        """(batch, time, units) -> (batch, heads, time, units per head)."""
        return values.reshape(*values.shape[:2], layer.heads, -1).transpose(0, 2, 1, 3)

    query, key, value = (in_heads(dense(part, x, listen)) for part in layer.projections[:3])
    scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(query.shape[-1])
    listen(layer.name, "scores", scores)
    context = (softmax(scores) @ value).transpose(0, 2, 1, 3)
    return dense(layer.output, context.reshape(*x.shape[:2], -1), listen)
