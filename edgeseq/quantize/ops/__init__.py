"""Layer -> QuantLayer: one function per layer type, calibrated scales in, integers out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgeseq.graph import (
    Activate,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    Embedding,
    FastGrnn,
    GlobalPool,
    Gru,
    Layer,
    LayerNormalization,
    Lstm,
    Mgu,
    MinGru,
    Prelu,
    Residual,
    SimpleRnn,
)
from edgeseq.quantize.ops import activation, around, compact, convolution, dense, recurrent, residual
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.types import QuantLayer


def convert_chain(
    layers: Sequence[Layer], tensor: Tensor, settings: Settings, *, last: bool
) -> tuple[tuple[QuantLayer, ...], Tensor]:
    """Return the integer layers of a chain and the tensor behind them. last: no other layer follows it."""
    converted: list[QuantLayer] = []
    for index, layer in enumerate(layers):
        closing = last and all(isinstance(other, Activate | Prelu) for other in layers[index + 1 :])
        parts, tensor = convert(layer, tensor, settings, last=closing)
        converted += parts
    return tuple(converted), tensor


def residual_connection(layer: Residual, tensor: Tensor, settings: Settings, *, last: bool) -> tuple[QuantLayer, ...]:
    """Both sides are chains."""
    return (residual.residual(layer, tensor, settings, convert_chain, last=last),)


# (layer, tensor it reads, settings, last=is no other layer behind it) -> integers: one layer, several, or None if nothing
# is left to do.
CONVERTERS: dict[type[Layer], Callable[..., Any]] = {
    Gru: recurrent.gru,
    Lstm: recurrent.lstm,
    SimpleRnn: recurrent.simple_rnn,
    Mgu: recurrent.mgu,
    MinGru: compact.min_gru,
    FastGrnn: compact.fast_grnn,
    Dense: dense.dense,
    Activate: activation.activation,
    Prelu: activation.prelu,
    Residual: residual_connection,
    GlobalPool: around.global_pool,
    LayerNormalization: around.layer_normalization,
    Conv1D: convolution.conv1d,
    DepthwiseConv1D: convolution.depthwise_conv1d,
    Embedding: around.embedding,
}
# Layers that read an int16 tensor alone: before them the model's input codes are widened to one.
WIDENED: tuple[type[Layer], ...] = (Activate, Prelu, Residual, GlobalPool, LayerNormalization, Conv1D, DepthwiseConv1D)


def convert(layer: Layer, tensor: Tensor, settings: Settings, *, last: bool) -> tuple[tuple[QuantLayer, ...], Tensor]:
    """Return the integer layers, if there are any, and the tensor behind them."""
    widened: tuple[QuantLayer, ...] = ()
    if tensor.input_dtype is not None and isinstance(layer, WIDENED):
        widened, tensor = (around.widen(f"{layer.name}_input", tensor),), tensor.widened
    found: tuple[QuantLayer, ...] | QuantLayer | None = CONVERTERS[type(layer)](layer, tensor, settings, last=last)
    if found is None:
        return widened, tensor
    converted = (found,) if isinstance(found, QuantLayer) else found
    scale = converted[-1].out_scale
    return (*widened, *converted), Tensor(converted[-1].units, scale, bound=32768 * scale.value)


__all__ = ["CONVERTERS", "Settings", "Tensor", "convert", "convert_chain"]
