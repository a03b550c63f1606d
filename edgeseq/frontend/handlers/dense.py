"""Dense and what acts on single values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from edgeseq.frontend.handlers.chain import MAX_UNITS, Chain, Refusal
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Activate, Conv1D, Dense, DepthwiseConv1D, Layer
from edgeseq.graph.layers import ActivationName

DENSE_ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax")


def dense(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Applied to every time step; a softmax closes the model."""
    config = layer.config
    activation, biased = config.get("activation", "linear"), config.get("use_bias", True)
    units: Any = config.get("units")
    if activation not in DENSE_ACTIVATIONS:
        return Refusal(layer.name, f"activation={activation!r}; expected one of {', '.join(DENSE_ACTIVATIONS)}")
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
    chain.layers.append(Dense(layer.name, kernel, bias, cast("ActivationName", activation)))
    if activation == "softmax":
        chain.ended = True
        return "softmax runs on the float side; the integer output is its logits"
    return None


def _fits(layer: Layer, function: Any) -> bool:
    """Whether an activation may become part of a layer; a softmax is the head's alone."""
    return function in DENSE_ACTIVATIONS and (isinstance(layer, Dense) or function != "softmax")


def time_distributed(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Keras applies a Dense layer to every time step anyway."""
    inner = layer.config.get("layer")
    kind = inner.get("class_name") if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or kind != "Dense" or not isinstance(inner.get("config"), dict):
        return Refusal(layer.name, f"TimeDistributed({kind}); only a Dense layer may be inside")
    return dense(replace(layer, class_name="Dense", config=inner["config"]), chain)


def activation(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Fused into the Dense layer before it where there is one."""
    function = {"ReLU": "relu", "Softmax": "softmax"}.get(layer.class_name) or layer.config.get("activation")
    if chain.reads_input and function != "linear":
        return Refusal(layer.name, "an activation before the first recurrent or Dense layer; apply it to the data instead")
    if layer.class_name == "ReLU" and (
        layer.config.get("max_value") is not None or layer.config.get("negative_slope") or layer.config.get("threshold")
    ):
        return Refusal(layer.name, "only the plain ReLU has an integer form: no max_value, negative_slope or threshold")
    if layer.class_name == "Softmax" and layer.config.get("axis", -1) != -1:
        return Refusal(layer.name, f"Softmax over axis {layer.config['axis']}; only the last axis is supported")
    last = chain.layers[-1] if chain.layers else None
    if function == "linear":
        return None
    if isinstance(last, Dense | Conv1D | DepthwiseConv1D) and last.activation == "linear" and _fits(last, function):
        chain.layers[-1] = replace(last, activation=cast("ActivationName", function))
        note: str | None = f"fused into {last.name!r}"
    elif function in ("relu", "softmax"):
        chain.layers.append(Activate(layer.name, cast("Any", function)))
        note = None
    else:
        return Refusal(layer.name, f"{function!r} standing alone; only relu and softmax may. Put it on a Dense layer")
    if function == "softmax":
        chain.ended = True
        note = "softmax runs on the float side; the integer output is its logits"
    return note
