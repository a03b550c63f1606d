"""The float IR: a chain of layers with explicit recurrent state.

`layers`, `around`, `window` and `attention` hold the types, `model` the graph, `reference` their meaning in float64.
"""

from edgeseq.graph.around import Conv1D, DepthwiseConv1D, Embedding, GlobalPool, LayerNormalization, Residual
from edgeseq.graph.attention import SelfAttention
from edgeseq.graph.cells import FastGrnn, Mgu, MinGru
from edgeseq.graph.fixed import FixedDense, FixedFactor, FixedRecurrent, FixedRows, FixedTensor
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
    walk,
)
from edgeseq.graph.model import Graph
from edgeseq.graph.window import Bidirectional, LastStep, MergeMode, Rearrange, Reverse

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
    Reverse,
    LastStep,
    Bidirectional,
    SelfAttention,
)
# What layers carry that were trained with integers.
FIXED_TYPES: tuple[type, ...] = (FixedTensor, FixedRows, FixedFactor, FixedRecurrent, FixedDense)

__all__ = [
    "FIXED_TYPES",
    "LAYER_TYPES",
    "Activate",
    "Bidirectional",
    "Conv1D",
    "Dense",
    "DepthwiseConv1D",
    "Embedding",
    "FastGrnn",
    "FixedDense",
    "FixedFactor",
    "FixedRecurrent",
    "FixedRows",
    "FixedTensor",
    "GlobalPool",
    "Graph",
    "Gru",
    "LastStep",
    "Layer",
    "LayerNormalization",
    "Lstm",
    "MergeMode",
    "Mgu",
    "MinGru",
    "Normalization",
    "PairRecurrent",
    "Prelu",
    "Rearrange",
    "Recurrent",
    "Residual",
    "Reverse",
    "SelfAttention",
    "SimpleRnn",
    "walk",
]
