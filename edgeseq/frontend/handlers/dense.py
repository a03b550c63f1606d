"""Dense."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from edgeseq.frontend.handlers.activation import FUSED, SOFTMAX_NOTE, apply
from edgeseq.frontend.handlers.chain import MAX_UNITS, Chain, Refusal
from edgeseq.frontend.handlers.functions import function_of
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Dense


def dense(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Applied to every time step; a softmax closes the model."""
    config = layer.config
    biased = config.get("use_bias", True)
    units: Any = config.get("units")
    found = function_of(layer, chain, "activation", "linear")
    if isinstance(found, Refusal):
        return found
    if len(layer.weights) != (2 if biased else 1):
        return Refusal(layer.name, f"{len(layer.weights)} weight arrays; expected {2 if biased else 1}")
    kernel = layer.weights[0]
    features = kernel.shape[0] if chain.features is None and kernel.ndim else chain.features
    if kernel.ndim != 2 or kernel.shape != (features, units) or not 1 <= units <= MAX_UNITS:
        return Refusal(layer.name, f"kernel {kernel.shape} does not fit {features} inputs and units={units!r}")
    bias = layer.weights[1] if biased else np.zeros(kernel.shape[1])
    if bias.shape != (kernel.shape[1],):
        return Refusal(layer.name, f"bias {bias.shape} does not fit {kernel.shape[1]} outputs")
    chain.features = kernel.shape[1]
    chain.layers.append(Dense(layer.name, kernel, bias, "linear"))
    name, parameters = found
    behind = layer.name if name in FUSED else f"{layer.name}/{config['activation']}" if name != "linear" else ""
    apply(behind, name, parameters, chain)
    return SOFTMAX_NOTE if name == "softmax" else None


def time_distributed(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Keras applies a Dense layer to every time step anyway."""
    inner = layer.config.get("layer")
    kind = inner.get("class_name") if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or kind != "Dense" or not isinstance(inner.get("config"), dict):
        return Refusal(layer.name, f"TimeDistributed({kind}); only a Dense layer may be inside")
    return dense(replace(layer, class_name="Dense", config=inner["config"]), chain)
