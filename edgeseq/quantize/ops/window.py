"""Layers that look at a whole window at once -> integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from edgeseq.arith.scale import Q15
from edgeseq.errors import CalibrationError
from edgeseq.graph import Bidirectional, Layer, Rearrange
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.types import QuantBidirectional, QuantLayer, QuantRearrange


class ConvertChain(Protocol):
    """Converts a chain that reads a tensor; returns its integer layers and the tensor behind them."""

    def __call__(
        self, layers: Sequence[Layer], tensor: Tensor, settings: Settings, *, last: bool
    ) -> tuple[tuple[QuantLayer, ...], Tensor]:
        """Last: no other layer follows the chain."""


def rearrange(kind: type[QuantRearrange]) -> Callable[..., QuantRearrange]:
    """Return the conversion to a layer that hands steps on as they are."""

    def handle(layer: Rearrange, tensor: Tensor, settings: Settings, *, last: bool) -> QuantRearrange:
        return kind(layer.name, tensor.size, tensor.scale)

    return handle


def bidirectional(convert_chain: ConvertChain) -> Callable[..., QuantBidirectional]:
    """Return the conversion of a layer whose halves `convert_chain` converts."""

    def handle(layer: Bidirectional, tensor: Tensor, settings: Settings, *, last: bool) -> QuantBidirectional:
        (forward, a), (backward, b) = (convert_chain(chain, tensor, settings, last=False) for chain in layer.chains)
        if a.scale != b.scale or (layer.merge == "mul" and a.scale != Q15):
            raise CalibrationError(
                f"layer {layer.name!r}: merge_mode={layer.merge!r} of halves whose steps are worth {a.scale.value:g} and "
                f"{b.scale.value:g} has no integer form; use two cells of one kind"
            )
        return QuantBidirectional(layer.name, forward, backward, layer.merge)

    return handle
