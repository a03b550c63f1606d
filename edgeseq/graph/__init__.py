"""The float IR: a chain of layers with explicit recurrent state.

`layers` and `around` hold the types, `model` the graph, `reference` their meaning in float64.
"""

from edgeseq.graph.around import Conv1D, DepthwiseConv1D, Embedding, GlobalPool, LayerNormalization, Residual
from edgeseq.graph.cells import FastGrnn, Mgu, MinGru
from edgeseq.graph.fixed import FixedDense, FixedRecurrent, FixedRows, FixedTensor
from edgeseq.graph.layers import (
    Activate,
    Dense,
    Gru,
    Layer,
    Lstm,
    Normalization,
    PairRecurrent,
    Prelu,
    Recurrent,
    SimpleRnn,
)
from edgeseq.graph.model import Graph

# Every layer type there is.
LAYER_TYPES: tuple[type[Layer], ...] = (
    Gru,
    Lstm,
    SimpleRnn,
    Mgu,
    MinGru,
    FastGrnn,
    Dense,
    Activate,
    Prelu,
    Residual,
    GlobalPool,
    LayerNormalization,
    Conv1D,
    DepthwiseConv1D,
    Embedding,
)
# What layers carry that were trained with integers.
FIXED_TYPES: tuple[type, ...] = (FixedTensor, FixedRows, FixedRecurrent, FixedDense)

__all__ = [
    "FIXED_TYPES",
    "LAYER_TYPES",
    "Activate",
    "Conv1D",
    "Dense",
    "DepthwiseConv1D",
    "Embedding",
    "FastGrnn",
    "FixedDense",
    "FixedRecurrent",
    "FixedRows",
    "FixedTensor",
    "GlobalPool",
    "Graph",
    "Gru",
    "Layer",
    "LayerNormalization",
    "Lstm",
    "Mgu",
    "MinGru",
    "Normalization",
    "PairRecurrent",
    "Prelu",
    "Recurrent",
    "Residual",
    "SimpleRnn",
]
