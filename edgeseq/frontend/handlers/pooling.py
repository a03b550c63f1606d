"""Pooling over time."""

from __future__ import annotations

from typing import Literal

from edgeseq.frontend.handlers.chain import Chain, Handler, Refusal, single
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import GlobalPool


def global_pool(function: Literal["average", "max"]) -> Handler:
    """Return the handler of a pooling over the whole window."""

    def handle(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
        if not chain.has_time_axis:
            return Refusal(layer.name, "the layer before returns only its last step, so there is nothing to pool over")
        if layer.config.get("keepdims"):
            return Refusal(layer.name, "keepdims=True makes a window of one step; use keepdims=False")
        if layer.config.get("data_format", "channels_last") != "channels_last":
            return Refusal(layer.name, "data_format='channels_first'; use (batch, time, features)")
        chain.layers.append(GlobalPool(layer.name, function))
        chain.has_time_axis = False
        return "a stream yields the value so far at every step; at the end of a window it is Keras'"

    return handle


def strided_pool(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Refused, whatever its size: it changes the rate of steps or looks ahead."""
    size, strides = (single(layer.config.get(key)) for key in ("pool_size", "strides"))
    return Refusal(
        layer.name,
        f"pool_size={size} and strides={strides} make fewer time steps than are read; edgeseq gives one output a step. "
        "Use a dilated causal convolution or a global pooling, or feed the data at the lower rate",
    )
