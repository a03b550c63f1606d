"""Layer -> QuantLayer: one function per layer type, calibrated scales in, integers out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgeseq.graph import Activate, Dense, FastGrnn, Gru, Layer, Lstm, Mgu, MinGru, Prelu, SimpleRnn
from edgeseq.quantize.ops import activation, compact, dense, recurrent
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.types import QuantLayer

# (layer, tensor it reads, settings, last=is no other layer behind it) -> integers, or None if nothing is left to do.
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
}


def convert(layer: Layer, tensor: Tensor, settings: Settings, *, last: bool) -> tuple[QuantLayer | None, Tensor]:
    """Return the integer layer, if there is one, and the tensor behind it."""
    converted: QuantLayer | None = CONVERTERS[type(layer)](layer, tensor, settings, last=last)
    if converted is None:
        return None, tensor
    scale = converted.out_scale
    return converted, Tensor(converted.units, scale, bound=32768 * scale.value)


__all__ = ["CONVERTERS", "Settings", "Tensor", "convert"]
