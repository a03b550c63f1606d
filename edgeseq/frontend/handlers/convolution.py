"""Causal convolutions over time."""

from __future__ import annotations

from typing import cast

import numpy as np

from edgeseq.frontend.handlers.chain import MAX_UNITS, Chain, Refusal, single
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Conv1D, Dense, DepthwiseConv1D
from edgeseq.graph.layers import ActivationName, FloatArray

MAX_HISTORY = 32767  # the ring's position is int16
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh")


def zero_padding(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Zeros before the window make the convolution behind it causal."""
    padding = layer.config.get("padding", 1)
    pair = [padding, padding] if isinstance(padding, int) else padding
    if not (isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(p, int) and p >= 0 for p in pair)):
        return Refusal(layer.name, f"padding={padding!r}; expected (before, after)")
    if pair[1] != 0 or not chain.has_time_axis:
        return Refusal(
            layer.name,
            f"padding={padding!r} puts zeros behind the window's end, which a stream does not have; use padding=(before, 0)",
        )
    chain.left_padding += pair[0]
    return "makes the convolution behind it causal"


def _geometry(layer: SourceLayer, chain: Chain) -> tuple[int, int] | Refusal:
    """Return (taps, dilation) of a convolution that a stream can run, one output a step."""
    config = layer.config
    taps, dilation = single(config.get("kernel_size")), single(config.get("dilation_rate", 1))
    if not (isinstance(taps, int) and isinstance(dilation, int) and taps >= 1 and dilation >= 1):
        return Refusal(layer.name, f"kernel_size={taps!r} and dilation_rate={dilation!r}; expected positive numbers")
    history = (taps - 1) * dilation
    if history > MAX_HISTORY:
        return Refusal(layer.name, f"looks back {history} time steps; at most {MAX_HISTORY} can be kept")
    if problem := _shape_problem(layer, chain) or _padding_problem(layer, chain.left_padding, history):
        return problem
    chain.left_padding = 0
    return taps, dilation


def _shape_problem(layer: SourceLayer, chain: Chain) -> Refusal | None:
    """Why time steps do not go in and out one by one."""
    strides = single(layer.config.get("strides", 1))
    if not chain.has_time_axis:
        return Refusal(layer.name, "the layer before returns only its last step; set return_sequences=True there")
    if strides != 1:
        return Refusal(
            layer.name,
            f"strides={strides} make fewer time steps than are read; edgeseq gives one output a step. "
            "Use strides=1, or feed the data at the lower rate",
        )
    if layer.config.get("data_format", "channels_last") != "channels_last":
        return Refusal(layer.name, "data_format='channels_first'; use (batch, time, features)")
    return None


def _padding_problem(layer: SourceLayer, padded: int, history: int) -> Refusal | None:
    """Why the first outputs do not exist, or need steps still to come. padded: steps of zeros before the window."""
    padding = layer.config.get("padding", "valid")
    if padding == "valid" and padded != history:
        found = f"after {padded} padded steps " if padded else ""
        return Refusal(
            layer.name,
            f"padding='valid' {found}has no output for the first {history - padded} time steps, and a stream needs one a step; "
            f"use padding='causal', or keras.layers.ZeroPadding1D(({history}, 0)) before it, and train again",
        )
    if padding != "valid" and (padding not in ("same", "causal") or padded or (padding == "same" and history)):
        return Refusal(
            layer.name,
            f"padding={padding!r} {f'after {padded} padded steps ' if padded else ''}sees time steps that a stream does not have "
            "yet; use padding='causal' and train again",
        )
    return None


def _bias(layer: SourceLayer, units: int) -> FloatArray | Refusal:
    """The last array, or zeros."""
    if not layer.config.get("use_bias", True):
        return np.zeros(units)
    bias = layer.weights[-1]
    return bias if bias.shape == (units,) else Refusal(layer.name, f"bias {bias.shape} does not fit {units} outputs")


def _count_problem(layer: SourceLayer, kernels: int) -> Refusal | None:
    """Why the number of weight arrays or the activation cannot be."""
    wanted = kernels + bool(layer.config.get("use_bias", True))
    if len(layer.weights) != wanted:
        return Refusal(layer.name, f"{len(layer.weights)} weight arrays; expected {wanted}")
    activation = layer.config.get("activation", "linear")
    if activation not in ACTIVATIONS:
        return Refusal(layer.name, f"activation={activation!r}; expected one of {', '.join(ACTIVATIONS)}")
    return None


def _columns_problem(layer: SourceLayer, kernel: FloatArray, taps: int, chain: Chain) -> Refusal | None:
    features = kernel.shape[1] if chain.features is None and kernel.ndim == 3 else chain.features
    if kernel.ndim != 3 or kernel.shape[:2] != (taps, features) or not 1 <= kernel.shape[2] <= MAX_UNITS:
        return Refusal(layer.name, f"kernel {kernel.shape} does not fit kernel_size={taps} and {features} inputs")
    if kernel.shape[0] * kernel.shape[1] > MAX_UNITS:
        return Refusal(layer.name, f"{taps} taps of {features} inputs are more than {MAX_UNITS} columns")
    return None


def conv1d(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """One tap is a Dense layer."""
    geometry = _geometry(layer, chain)
    if isinstance(geometry, Refusal):
        return geometry
    taps, dilation = geometry
    if layer.config.get("groups", 1) != 1:
        return Refusal(layer.name, f"groups={layer.config['groups']}; only 1 has an integer form, or use DepthwiseConv1D")
    if problem := _count_problem(layer, 1) or _columns_problem(layer, layer.weights[0], taps, chain):
        return problem
    kernel = layer.weights[0]
    bias = _bias(layer, kernel.shape[2])
    if isinstance(bias, Refusal):
        return bias
    activation = cast("ActivationName", layer.config.get("activation", "linear"))
    if taps == 1:
        chain.layers.append(Dense(layer.name, kernel[0], bias, activation))
    else:
        chain.layers.append(Conv1D(layer.name, kernel, bias, activation, dilation))
    chain.features = kernel.shape[2]
    return None


def depthwise_conv1d(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Every channel by itself."""
    geometry = _geometry(layer, chain)
    if isinstance(geometry, Refusal):
        return geometry
    taps, dilation = geometry
    if problem := _count_problem(layer, 1) or _columns_problem(layer, layer.weights[0], taps, chain):
        return problem
    kernel = layer.weights[0]
    units = kernel.shape[1] * kernel.shape[2]
    bias = _bias(layer, units)
    if isinstance(bias, Refusal):
        return bias
    if units > MAX_UNITS:
        return Refusal(layer.name, f"{units} outputs; expected at most {MAX_UNITS}")
    activation = cast("ActivationName", layer.config.get("activation", "linear"))
    chain.layers.append(DepthwiseConv1D(layer.name, kernel, bias, activation, dilation))
    chain.features = units
    return None


def separable_conv1d(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """A depthwise convolution and a Dense layer."""
    geometry = _geometry(layer, chain)
    if isinstance(geometry, Refusal):
        return geometry
    taps, dilation = geometry
    if problem := _count_problem(layer, 2) or _columns_problem(layer, layer.weights[0], taps, chain):
        return problem
    depthwise, pointwise = layer.weights[:2]
    between = depthwise.shape[1] * depthwise.shape[2]
    if pointwise.ndim != 3 or pointwise.shape[:2] != (1, between) or between > MAX_UNITS:
        return Refusal(layer.name, f"pointwise kernel {pointwise.shape} does not fit {between} channels")
    bias = _bias(layer, pointwise.shape[2])
    if isinstance(bias, Refusal):
        return bias
    activation = cast("ActivationName", layer.config.get("activation", "linear"))
    chain.layers.append(DepthwiseConv1D(f"{layer.name}_depthwise", depthwise, np.zeros(between), "linear", dilation))
    chain.layers.append(Dense(layer.name, pointwise[0], bias, activation))
    chain.features = pointwise.shape[2]
    return "a depthwise convolution and a Dense layer"
