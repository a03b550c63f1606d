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

__all__ = [
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
