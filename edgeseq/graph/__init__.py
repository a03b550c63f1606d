"""The float IR: a chain of layers with explicit recurrent state.

`layers` holds the types, `reference` their meaning in float64.
"""

from edgeseq.graph.cells import FastGrnn, Mgu, MinGru
from edgeseq.graph.layers import (
    Activate,
    Dense,
    Graph,
    Gru,
    Layer,
    Lstm,
    Normalization,
    PairRecurrent,
    Prelu,
    Recurrent,
    SimpleRnn,
)

# Every layer type there is.
LAYER_TYPES: tuple[type[Layer], ...] = (Gru, Lstm, SimpleRnn, Mgu, MinGru, FastGrnn, Dense, Activate, Prelu)

__all__ = [
    "LAYER_TYPES",
    "Activate",
    "Dense",
    "FastGrnn",
    "Graph",
    "Gru",
    "Layer",
    "Lstm",
    "Mgu",
    "MinGru",
    "Normalization",
    "PairRecurrent",
    "Prelu",
    "Recurrent",
    "SimpleRnn",
]
