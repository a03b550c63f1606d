"""The float IR: a chain of layers with explicit recurrent state.

`layers` holds the types, `reference` their meaning in float64.
"""

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
)

# Every layer type there is.
LAYER_TYPES: tuple[type[Layer], ...] = (Gru, Lstm, SimpleRnn, Dense, Activate)

__all__ = [
    "LAYER_TYPES",
    "Activate",
    "Dense",
    "Graph",
    "Gru",
    "Layer",
    "Lstm",
    "Normalization",
    "Recurrent",
    "SimpleRnn",
]
