"""Layer -> QuantLayer: one function per layer type, calibrated scales in, integers out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgeseq.graph import Activate, Bidirectional, Dense, Gru, LastStep, Layer, Lstm, Rearrange, Reverse, SelfAttention, SimpleRnn
from edgeseq.quantize.ops import attention, dense, recurrent, window
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.types import QuantLastStep, QuantLayer, QuantReverse


def convert_chain(layers: Sequence[Layer], tensor: Tensor, settings: Settings) -> tuple[tuple[QuantLayer, ...], Tensor]:
    """Return the integer layers of a chain that reads `tensor`, and the tensor behind it."""
    done: list[QuantLayer] = []
    for index, layer in enumerate(layers):
        last = all(isinstance(x, Activate | Rearrange) for x in layers[index + 1 :])
        converted, tensor = convert(layer, tensor, settings, last=last)
        if converted is not None:
            done.append(converted)
    return tuple(done), tensor


# (layer, tensor it reads, settings, last=is no other layer behind it) -> integers, or None if nothing is left to do.
CONVERTERS: dict[type[Layer], Callable[..., Any]] = {
    Gru: recurrent.gru,
    Lstm: recurrent.lstm,
    SimpleRnn: recurrent.simple_rnn,
    Dense: dense.dense,
    Activate: dense.activation,
    Reverse: window.rearrange(QuantReverse),
    LastStep: window.rearrange(QuantLastStep),
    Bidirectional: window.bidirectional(convert_chain),
    SelfAttention: attention.self_attention,
}


def convert(layer: Layer, tensor: Tensor, settings: Settings, *, last: bool) -> tuple[QuantLayer | None, Tensor]:
    """Return the integer layer, if there is one, and the tensor behind it."""
    converted: QuantLayer | None = CONVERTERS[type(layer)](layer, tensor, settings, last=last)
    if converted is None or converted.rearranges:
        return converted, tensor
    scale = converted.out_scale
    return converted, Tensor(converted.units, scale, bound=32768 * scale.value)


__all__ = ["CONVERTERS", "Settings", "Tensor", "convert", "convert_chain"]
