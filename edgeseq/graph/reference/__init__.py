"""The meaning of every layer in float64, on whole windows that start from a zero state.

Calibration listens to the same code through `Listener`, so that ranges belong to the very
tensors the integers will hold. A new layer type gets a function here and a line in `MEANINGS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeseq.graph.around import Conv1D, DepthwiseConv1D, Embedding, GlobalPool, LayerNormalization, Residual
from edgeseq.graph.cells import FastGrnn, Mgu, MinGru
from edgeseq.graph.layers import Activate, Dense, FloatArray, Gru, Layer, Lstm, Prelu, SimpleRnn
from edgeseq.graph.model import Graph
from edgeseq.graph.reference import around, cells, dense, recurrent
from edgeseq.graph.reference.activations import activate, sigmoid, softmax
from edgeseq.graph.reference.listener import Listener, silent


def through(layers: Sequence[Layer], x: FloatArray, listen: Listener) -> FloatArray:
    """Run a chain; the listener hears every layer's result as its tensor "out"."""
    for layer in layers:
        x = MEANINGS[type(layer)](layer, x, listen)
        listen(layer.name, "out", x)
    return x


def residual(layer: Residual, x: FloatArray, listen: Listener) -> FloatArray:
    """The sum of both chains."""
    return through(layer.body, x, listen) + through(layer.shortcut, x, listen)


# (layer, x (batch, time, inputs), listener) -> (batch, time, outputs)
MEANINGS: dict[type[Layer], Callable[[Any, FloatArray, Listener], FloatArray]] = {
    Gru: recurrent.gru,
    Lstm: recurrent.lstm,
    SimpleRnn: recurrent.simple_rnn,
    Mgu: cells.mgu,
    MinGru: cells.min_gru,
    FastGrnn: cells.fast_grnn,
    Dense: dense.dense,
    Activate: dense.activation,
    Prelu: dense.prelu,
    Residual: residual,
    GlobalPool: around.global_pool,
    LayerNormalization: around.layer_normalization,
    Conv1D: around.conv1d,
    DepthwiseConv1D: around.depthwise_conv1d,
    Embedding: around.embedding,
}


@dataclass(slots=True)
class ForwardResult:
    """outputs: (batch, time, out); hidden[layer name]: (batch, time, units)."""

    outputs: FloatArray
    hidden: dict[str, FloatArray] = field(default_factory=dict)


def normalize(graph: Graph, x: FloatArray) -> FloatArray:
    """Apply the graph's input normalisation; x: (..., features) in raw units."""
    if graph.normalization is None:
        return x
    return (x - graph.normalization.mean) / graph.normalization.std


def forward(graph: Graph, x: FloatArray, *, listen: Listener = silent, keep_hidden: Sequence[str] = ()) -> ForwardResult:
    """Run windows from a zero state; x: (batch, time, features) in raw units.

    keep_hidden names the layers, usually recurrent, whose results are returned.
    """
    hidden: dict[str, FloatArray] = {}

    def keep(layer: str, tensor: str, value: FloatArray) -> None:
        if tensor == "out" and layer in keep_hidden:
            hidden[layer] = value
        listen(layer, tensor, value)

    outputs = through(graph.layers, normalize(graph, np.asarray(x, dtype=np.float64)), keep)
    return ForwardResult(outputs, hidden)


__all__ = ["MEANINGS", "ForwardResult", "Listener", "activate", "forward", "normalize", "sigmoid", "silent", "softmax"]
