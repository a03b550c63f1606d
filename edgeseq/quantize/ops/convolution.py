"""Causal convolutions -> a delay line and a matrix over its taps."""

from __future__ import annotations

from typing import Literal

import numpy as np

from edgeseq.arith.matmul import OUTPUT_HEADROOM, MatmulInput, choose_output, choose_preactivation, multipliers_for
from edgeseq.arith.requantize import Multipliers
from edgeseq.arith.rounding import DENSE_DAMPING, Moments, mean_error, round_matrix
from edgeseq.arith.scale import Q15
from edgeseq.graph import Conv1D, Dense, DepthwiseConv1D
from edgeseq.quantize.ops.affine import affine
from edgeseq.quantize.ops.dense import dense
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.parameters import quantize_matrix
from edgeseq.quantize.types import Matvec, QuantDelay, QuantDepthwise, QuantLayer


def conv1d(layer: Conv1D, tensor: Tensor, settings: Settings, *, last: bool) -> tuple[QuantLayer, ...]:
    """An int8 scheme keeps a byte of every past value."""
    delay, seen = _delay(layer, tensor, settings)
    matrix = Dense(layer.name, layer.kernel.reshape(-1, layer.units), layer.bias, layer.activation)
    return delay, dense(matrix, seen, settings, last=last, head=False)


def depthwise_conv1d(layer: DepthwiseConv1D, tensor: Tensor, settings: Settings, *, last: bool) -> tuple[QuantLayer, ...]:
    """One tap reads the tensor itself, whole; more read a delay line."""
    if layer.taps == 1 and layer.kernel.shape[2] == 1 and layer.activation == "linear":
        return (affine(layer.name, layer.kernel[0, :, 0], layer.bias, tensor, settings, last=last),)
    kept: tuple[QuantLayer, ...] = ()
    seen = tensor
    if layer.taps > 1:
        delay, seen = _delay(layer, tensor, settings)
        kept = (delay,)
    return *kept, _depthwise(layer, seen, settings, last=last)


def _delay(layer: Conv1D | DepthwiseConv1D, tensor: Tensor, settings: Settings) -> tuple[QuantDelay, Tensor]:
    """The delay line and the tensor of its taps."""
    delay = QuantDelay(f"{layer.name}_taps", tensor.size, layer.taps, layer.dilation, settings.operand(layer), tensor.scale)
    return delay, Tensor(delay.units, tensor.scale, tensor.bound)


def _depthwise(layer: DepthwiseConv1D, tensor: Tensor, settings: Settings, *, last: bool) -> QuantDepthwise:
    """The scales of a Dense layer; weights are 8 bits whatever the scheme, since they are few."""
    channels, entering = layer.kernel.shape[1], tensor.whole
    weight = layer.kernel.transpose(1, 2, 0).reshape(layer.units, layer.taps)
    calibrated = settings.ranges.max_abs[layer.name, "before_activation"]
    if layer.activation == "sigmoid" or layer.activation == "tanh":  # noqa: PLR1714 (narrows the type)
        shift, (chosen,) = choose_preactivation(
            f"layer {layer.name!r}", calibrated, lambda s: [multipliers_for(weight, layer.bias, entering, s, 8)]
        )
        matvec = _rounded(layer, chosen, entering, settings)
        return QuantDepthwise(layer.name, matvec, channels, layer.activation, shift, Q15)
    reach = OUTPUT_HEADROOM * calibrated if last else calibrated
    scale, chosen = choose_output(
        f"layer {layer.name!r}",
        reach,
        lambda s: multipliers_for(weight, layer.bias, entering, s, 8),
        settings.scales.get(layer.name),
    )
    activation: Literal["relu", "linear"] = "relu" if layer.activation == "relu" else "linear"
    return QuantDepthwise(layer.name, _rounded(layer, chosen, entering, settings), channels, activation, 0, scale)


def _rounded(layer: DepthwiseConv1D, chosen: Multipliers, entering: MatmulInput, settings: Settings) -> Matvec:
    """Round channel by channel: each sees its own taps alone."""
    taps, channels, multiplier = layer.kernel.shape
    weight = layer.kernel.transpose(1, 2, 0).reshape(layer.units, taps)
    moments = settings.ranges.moments[layer.name, "x"]
    codes, bias = np.empty(weight.shape, np.int8), layer.bias.copy()
    for channel in range(channels):
        columns = np.arange(taps) * channels + channel
        own = Moments(moments.mean[columns], moments.covariance[np.ix_(columns, columns)])
        rows = slice(channel * multiplier, (channel + 1) * multiplier)
        scale = chosen.weight_scale[rows]
        codes[rows] = round_matrix(weight[rows], scale, own, DENSE_DAMPING)
        bias[rows] += mean_error(weight[rows], codes[rows], scale, own)
    return quantize_matrix(bias, chosen, entering, codes, 8)
