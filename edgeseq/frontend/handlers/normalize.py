"""LayerNormalization and BatchNormalization."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from edgeseq.frontend.handlers.chain import Chain, Refusal
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Conv1D, Dense, DepthwiseConv1D, LayerNormalization, Normalization
from edgeseq.graph.layers import FloatArray

MAX_NORMALIZED = 16384  # the integer form's products of a feature and their number fit 32 bits
Filter: TypeAlias = "Dense | Conv1D | DepthwiseConv1D"


def _last_axis(axis: Any) -> bool:
    return axis in (-1, 2, [-1], [2], (-1,), (2,))


def _vectors(layer: SourceLayer, chain: Chain, extra: int) -> list[FloatArray] | Refusal:
    """Gamma and beta, ones and zeros where the layer has none, and `extra` more vectors of (features,)."""
    wanted = [bool(layer.config.get(key, True)) for key in ("scale", "center")]
    features = chain.features if chain.features is not None or not layer.weights else layer.weights[-1].size
    count = sum(wanted) + extra
    if len(layer.weights) != count or any(array.shape != (features,) for array in layer.weights):
        shapes = ", ".join(str(array.shape) for array in layer.weights)
        return Refusal(layer.name, f"weights {shapes or 'none'}; expected {count} of ({features},)")
    given = iter(layer.weights)
    size = int(features or 0)
    gamma, beta = (next(given) if has else np.full(size, fill) for has, fill in zip(wanted, (1.0, 0.0), strict=True))
    return [gamma, beta, *given]


def layer_normalization(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Over the features of a step."""
    config = layer.config
    if not _last_axis(config.get("axis", -1)):
        return Refusal(layer.name, f"axis={config.get('axis')}; only the features of one step (axis=-1) can be normalised")
    if config.get("rms_scaling"):
        return Refusal(layer.name, "rms_scaling=True has no integer form; use rms_scaling=False")
    epsilon: Any = config.get("epsilon", 1e-3)
    if not isinstance(epsilon, int | float) or not 0 < epsilon <= 1e6:
        return Refusal(layer.name, f"epsilon={epsilon!r}; expected a small positive number")
    vectors = _vectors(layer, chain, 0)
    if isinstance(vectors, Refusal):
        return vectors
    if not 1 <= vectors[0].size <= MAX_NORMALIZED:
        return Refusal(layer.name, f"{vectors[0].size} features; at most {MAX_NORMALIZED} can be normalised")
    gamma, beta = vectors
    scale, center = config.get("scale", True), config.get("center", True)
    chain.layers.append(LayerNormalization(layer.name, gamma if scale else None, beta if center else None, float(epsilon)))
    return None


def batch_normalization(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """A gain and an offset per feature: part of the layer before, of the input's normalisation, or a step of its own."""
    found = _gain_and_offset(layer, chain)
    return found if isinstance(found, Refusal) else _apply(layer, chain, *found)


def affine(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """A gain and an offset per feature as they are."""
    gain, offset = layer.weights
    if chain.features not in (None, gain.size):
        return Refusal(layer.name, f"a gain of {gain.size} features does not fit {chain.features}")
    return _apply(layer, chain, gain, offset)


def _apply(layer: SourceLayer, chain: Chain, gain: FloatArray, offset: FloatArray) -> str:
    last = chain.layers[-1] if chain.layers else None
    if isinstance(last, Dense | Conv1D | DepthwiseConv1D) and last.activation == "linear":
        chain.layers[-1] = _scaled(last, gain, offset)
        return f"folded into {last.name!r}"
    if chain.reads_input and (gain > 0).all():
        given = chain.normalization or Normalization(np.zeros_like(gain), np.ones_like(gain))
        # (v - mean) / std = gain * v + offset, of v = (x - given.mean) / given.std.
        chain.normalization = Normalization(given.mean - given.std * offset / gain, given.std / gain)
        return "becomes part of the input quantiser"
    chain.layers.append(DepthwiseConv1D(layer.name, gain[None, :, None], offset, "linear", 1))
    return "a gain and an offset per feature"


def _gain_and_offset(layer: SourceLayer, chain: Chain) -> tuple[FloatArray, FloatArray] | Refusal:
    config = layer.config
    if not _last_axis(config.get("axis", -1)) and not (config.get("axis") == 1 and not chain.has_time_axis):
        return Refusal(layer.name, f"axis={config.get('axis')}; only the features of one step (axis=-1) can be normalised")
    epsilon: Any = config.get("epsilon", 1e-3)
    if not isinstance(epsilon, int | float) or not 0 <= epsilon <= 1e6:
        return Refusal(layer.name, f"epsilon={epsilon!r}; expected a small positive number")
    vectors = _vectors(layer, chain, 2)
    if isinstance(vectors, Refusal):
        return vectors
    gamma, beta, mean, variance = vectors
    if not (variance + epsilon > 0).all():
        return Refusal(layer.name, "the moving variance plus epsilon is not positive for every feature")
    gain = gamma / np.sqrt(variance + epsilon)
    return gain, beta - mean * gain


def _scaled(layer: Filter, gain: FloatArray, offset: FloatArray) -> Filter:
    """The layer with every output multiplied by its gain."""
    # A depthwise kernel's last axes are channel and multiplier, the others' last one is the output.
    factors = gain.reshape(layer.kernel.shape[1:]) if isinstance(layer, DepthwiseConv1D) else gain
    return replace(layer, kernel=layer.kernel * factors, bias=layer.bias * gain + offset)
