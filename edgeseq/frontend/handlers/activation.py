"""Layers that apply a function to single values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np

from edgeseq.frontend.handlers.chain import Chain, Refusal
from edgeseq.frontend.handlers.functions import function_of, number
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Activate, Conv1D, Dense, DepthwiseConv1D, Layer, Prelu
from edgeseq.graph.layers import ActivationName

# What a Dense layer applies itself; the rest becomes a layer behind it.
FUSED = ("relu", "sigmoid", "tanh", "hard_sigmoid", "hard_sigmoid_keras2", "softmax")
# What a convolution applies itself.
CONVOLVED = ("relu", "sigmoid", "tanh")
SOFTMAX_NOTE = "softmax runs on the float side; the integer output is its logits"

Found = tuple[str, tuple[float, ...]]


def activation(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Any of Keras' functions of single values: fused into the Dense layer before it where that can apply it."""
    found = READERS[layer.class_name](layer, chain)
    if isinstance(found, Refusal):
        return found
    name, parameters = found
    if name == "linear":
        return None
    if chain.reads_input:
        return Refusal(layer.name, "an activation before the first recurrent or Dense layer; apply it to the data instead")
    last = chain.layers[-1]
    note = f"fused into {last.name!r}" if _fits(last, name) else None
    apply(layer.name, name, parameters, chain)
    return SOFTMAX_NOTE if chain.ended else note


def apply(layer: str, name: str, parameters: tuple[float, ...], chain: Chain) -> None:
    """Append a function to the chain, or let the Dense layer that ends it apply it."""
    last = chain.layers[-1]
    if isinstance(last, Dense | Conv1D | DepthwiseConv1D) and _fits(last, name):
        chain.layers[-1] = replace(last, activation=cast("ActivationName", name))
    elif name != "linear":
        chain.layers.append(Activate(layer, name, parameters))
    chain.ended = chain.ended or name == "softmax"


def _fits(layer: Layer, name: str) -> bool:
    """Whether a function may become part of a layer; a softmax is the head's alone."""
    if not isinstance(layer, Dense | Conv1D | DepthwiseConv1D) or layer.activation != "linear":
        return False
    return name in (FUSED if isinstance(layer, Dense) else CONVOLVED)


def _named(layer: SourceLayer, chain: Chain) -> Found | Refusal:
    return function_of(layer, chain, "activation", "linear")


def _softmax(layer: SourceLayer, chain: Chain) -> Found | Refusal:
    if layer.config.get("axis", -1) != -1:
        return Refusal(layer.name, f"Softmax over axis {layer.config['axis']}; only the last axis is supported")
    return "softmax", ()


def _relu(layer: SourceLayer, chain: Chain) -> Found | Refusal:
    config = layer.config
    limit = math.inf if config.get("max_value") is None else number(config["max_value"])
    slope, threshold = (number(config.get(key, 0.0)) for key in ("negative_slope", "threshold"))
    if limit is None or slope is None or threshold is None:
        return Refusal(layer.name, "max_value, negative_slope or threshold is not a number")
    return _rectified(layer, limit, slope, threshold)


def _leaky_relu(layer: SourceLayer, chain: Chain) -> Found | Refusal:
    slope = number(layer.config.get("negative_slope", layer.config.get("alpha", 0.3)))  # Keras 2 calls it alpha
    return Refusal(layer.name, "negative_slope is not a number") if slope is None else _rectified(layer, math.inf, slope, 0.0)


def _rectified(layer: SourceLayer, limit: float, slope: float, threshold: float) -> Found | Refusal:
    if limit < 0 or threshold < 0 or abs(slope) > 1:
        return Refusal(
            layer.name,
            f"max_value={limit:g}, negative_slope={slope:g}, threshold={threshold:g}; expected max_value and threshold of at "
            "least 0 and a slope in [-1, 1]",
        )
    if (limit, slope, threshold) == (math.inf, 0.0, 0.0):
        return "relu", ()
    return "rectified", (limit, slope, threshold)


def _elu(layer: SourceLayer, chain: Chain) -> Found | Refusal:
    alpha = number(layer.config.get("alpha", 1.0))
    return Refusal(layer.name, "alpha is not a number") if alpha is None else ("elu", (alpha,))


def prelu(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """One slope per feature; none per time step."""
    features = chain.features
    if not chain.layers:
        return Refusal(layer.name, "an activation before the first recurrent or Dense layer; apply it to the data instead")
    if len(layer.weights) != 1:
        return Refusal(
            layer.name, f"{len(layer.weights)} weight arrays; expected 1. The file may be damaged; save the model again"
        )
    alpha = layer.weights[0]
    if alpha.shape[-1:] not in ((1,), (features,)) or alpha.size != alpha.shape[-1]:
        return Refusal(layer.name, f"slopes {alpha.shape} differ from step to step; build the layer with shared_axes=[1]")
    slopes = np.broadcast_to(alpha.reshape(-1), (features or alpha.size,)).astype(np.float64)
    if np.abs(slopes).max(initial=0.0) > 1:
        return Refusal(layer.name, f"a slope of {np.abs(slopes).max():g}; expected slopes in [-1, 1] (alpha_constraint)")
    chain.layers.append(Prelu(layer.name, slopes))
    return None


READERS: dict[str, Callable[[SourceLayer, Chain], Found | Refusal]] = {
    "Activation": _named,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "Softmax": _softmax,
}
