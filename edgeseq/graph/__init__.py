"""The float IR: a chain of layers with explicit recurrent state.

`layers` holds the types, `reference` their meaning in float64.
"""

from edgeseq.graph.fixed import FixedDense, FixedRecurrent, FixedRows, FixedTensor
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
# What layers carry that were trained with integers.
FIXED_TYPES: tuple[type, ...] = (FixedTensor, FixedRows, FixedRecurrent, FixedDense)

__all__ = [
    "FIXED_TYPES",
    "LAYER_TYPES",
    "Activate",
    "Dense",
    "FixedDense",
    "FixedRecurrent",
    "FixedRows",
    "FixedTensor",
    "Graph",
    "Gru",
    "Layer",
    "Lstm",
    "Normalization",
    "Recurrent",
    "SimpleRnn",
]
