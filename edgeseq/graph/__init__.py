"""The float IR: a chain of layers with explicit recurrent state.

`layers`, `window` and `attention` hold the types, `reference` their meaning in float64.
"""

from edgeseq.graph.attention import SelfAttention
from edgeseq.graph.layers import (
    Activate,
    Dense,
    Graph,
    Gru,
    Layer,
    Lstm,
    Normalization,
    Recurrent,
    SimpleRnn,
    walk,
)
from edgeseq.graph.window import Bidirectional, LastStep, MergeMode, Rearrange, Reverse

# Every layer type there is.
LAYER_TYPES: tuple[type[Layer], ...] = (Gru, Lstm, SimpleRnn, Dense, Activate, Reverse, LastStep, Bidirectional, SelfAttention)

__all__ = [
    "LAYER_TYPES",
    "Activate",
    "Bidirectional",
    "Dense",
    "Graph",
    "Gru",
    "LastStep",
    "Layer",
    "Lstm",
    "MergeMode",
    "Normalization",
    "Rearrange",
    "Recurrent",
    "Reverse",
    "SelfAttention",
    "SimpleRnn",
    "walk",
]
