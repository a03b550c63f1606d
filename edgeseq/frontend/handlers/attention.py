"""Multi-head self-attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.frontend.handlers.chain import MAX_UNITS, Chain, Refusal
from edgeseq.frontend.keras_config import CALLED_WITH
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Dense, SelfAttention

_PARTS = ("query", "key", "value", "output")


def multi_head_attention(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Four Dense layers and what lies between them."""
    refusal = _refusal(layer, chain)
    if refusal is not None:
        return refusal
    config, biased = layer.config, bool(layer.config.get("use_bias", True))
    heads: Any = config.get("num_heads")
    key_size: Any = config.get("key_dim")
    value_size: Any = config.get("value_dim") or key_size
    each = 2 if biased else 1
    if len(layer.weights) != 4 * each:
        return Refusal(layer.name, f"{len(layer.weights)} weight arrays; expected {4 * each}. The file may be damaged")
    kernels = [layer.weights[each * index] for index in range(4)]
    features = chain.features if chain.features is not None else kernels[0].shape[0]
    expected = [(features, heads, key_size), (features, heads, key_size), (features, heads, value_size)]
    shapes = [kernel.shape for kernel in kernels]
    if shapes[:3] != expected or len(shapes[3]) != 3 or shapes[3][:2] != (heads, value_size) or shapes[3][2] > MAX_UNITS:
        return Refusal(layer.name, f"kernels {shapes} do not fit {features} inputs, num_heads={heads!r} and key_dim={key_size!r}")
    inputs = [features, features, features, heads * value_size]
    parts = []
    for index, (part, size) in enumerate(zip(_PARTS, inputs, strict=True)):
        kernel = kernels[index].reshape(size, -1)
        bias: npt.NDArray[Any] = layer.weights[each * index + 1].reshape(-1) if biased else np.zeros(kernel.shape[1])
        if bias.shape != (kernel.shape[1],):
            return Refusal(layer.name, f"{part} bias {bias.shape} does not fit {kernel.shape[1]} outputs")
        parts.append(Dense(f"{layer.name}/{part}", kernel, bias, "linear"))
    chain.layers.append(SelfAttention(layer.name, parts[0], parts[1], parts[2], parts[3], heads))
    chain.features = parts[3].units
    return "needs a whole window: the model cannot stream"


def _refusal(layer: SourceLayer, chain: Chain) -> Refusal | None:
    config = layer.config
    if not chain.has_time_axis:
        return Refusal(layer.name, "the layer before returns only its last step; set return_sequences=True there")
    if config.get(CALLED_WITH):
        options = ", ".join(config[CALLED_WITH])
        return Refusal(layer.name, f"called with {options}; only plain self-attention over all steps has an integer form")
    if config.get("attention_axes") not in (None, 1, [1], (1,)):
        return Refusal(layer.name, f"attention_axes={config['attention_axes']}; only attention over time is supported")
    return None
