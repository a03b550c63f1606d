"""Graph -> QuantGraph: one function per layer type, calibrated scales in, integers out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq.arith.scale import Q7, Q15, Scale
from edgeseq.errors import CalibrationError
from edgeseq.graph import Activate, Dense, Graph, Gru, Layer, Lstm, SimpleRnn
from edgeseq.graph.layers import FloatArray
from edgeseq.quantize.calibrate import Calibration, calibrate, check_windows
from edgeseq.quantize.parameters import (
    choose_preactivation,
    doubled,
    multipliers_for,
    quantize_matrix,
)
from edgeseq.quantize.types import (
    SCHEMES,
    Matvec,
    QuantDense,
    QuantGraph,
    QuantGru,
    QuantLayer,
    QuantLstm,
    QuantRelu,
    QuantSimpleRnn,
    Scheme,
)

# Streams run longer than calibration windows, and an LSTM cell integrates.
CELL_HEADROOM = 1.1
MAX_CELL_SHIFT = 7
# Logits of unseen inputs exceed the calibrated ones; 4x costs 2 of 16 bits.
OUTPUT_HEADROOM = 4.0
# |q - zero_point| of an int8 tensor.
_INPUT_CODES = 255


@dataclass(frozen=True, slots=True)
class _Tensor:
    """The int16 (or, at the model's input, int8) tensor between two layers.

    scale: of the tensor itself; bound: largest real magnitude it can ever hold.
    """

    size: int
    scale: Scale
    is_input: bool
    bound: float

    @property
    def int8_scale(self) -> Scale:
        """Scale of the int8 view: the tensor itself, or the top byte of an int16."""
        return self.scale if self.is_input else self.scale.times_power_of_two(8)


def quantize(graph: Graph, calibration: npt.ArrayLike, scheme: Scheme = "int8") -> QuantGraph:
    """Turn a float graph into integers.

    calibration: (n, time, features) windows in raw units, or one (time, features) stream.
    Raises CalibrationError naming the tensor whose range cannot be used.
    """
    if scheme not in SCHEMES:
        raise CalibrationError(f"unknown scheme {scheme!r}; available: {', '.join(SCHEMES)}")
    ranges = calibrate(graph, check_windows(graph, calibration))
    tensor = _Tensor(graph.input_size, ranges.input.scale, is_input=True, bound=_INPUT_CODES * ranges.input.scale.value)
    layers: list[QuantLayer] = []
    softmax = False
    for index, layer in enumerate(graph.layers):
        if isinstance(layer, Activate) and layer.function == "softmax":
            softmax = True
            continue
        last = all(isinstance(x, Activate) for x in graph.layers[index + 1 :])
        converted = _convert(layer, tensor, ranges, last=last)
        layers.append(converted)
        if isinstance(converted, QuantDense):
            tensor = _Tensor(
                converted.units, converted.out_scale, is_input=False, bound=32768 * converted.out_scale.value
            )
            softmax = isinstance(layer, Dense) and layer.activation == "softmax"
        elif not isinstance(converted, QuantRelu):
            tensor = _Tensor(converted.units, Q15, is_input=False, bound=1.0)
    return QuantGraph(graph.name, scheme, ranges.input, tuple(layers), softmax, graph)


def _convert(layer: Layer, tensor: _Tensor, ranges: Calibration, *, last: bool) -> QuantLayer:
    match layer:
        case Gru():
            return _gru(layer, tensor, ranges)
        case Lstm():
            return _lstm(layer, tensor, ranges)
        case SimpleRnn():
            return _simple_rnn(layer, tensor, ranges)
        case Dense():
            return _dense(layer, tensor, ranges, last=last)
        case Activate():
            if tensor.is_input:
                raise CalibrationError(f"layer {layer.name!r}: an activation of the raw input has no integer form")
            return QuantRelu(layer.name, tensor.size, tensor.scale)


def _recurrent_pair(
    layer: Gru | Lstm | SimpleRnn,
    tensor: _Tensor,
    ranges: Calibration,
    input_bias: FloatArray,
    recurrent_bias: FloatArray,
) -> tuple[int, Matvec, Matvec]:
    """Quantise kernel and recurrent kernel to one common pre-activation scale."""
    kernel, recurrent = layer.kernel.T, layer.recurrent_kernel.T
    x_scale, h_scale = doubled(tensor.int8_scale), doubled(Q7)
    largest = max(ranges.max_abs[layer.name, part] for part in ("input_part", "recurrent_part"))
    shift, (for_input, for_state) = choose_preactivation(
        f"layer {layer.name!r}",
        largest,
        lambda scale: [
            multipliers_for(kernel, input_bias, x_scale, scale, int8_input=True),
            multipliers_for(recurrent, recurrent_bias, h_scale, scale, int8_input=True),
        ],
    )
    return (
        shift,
        quantize_matrix(kernel, input_bias, for_input, x_scale, int8_input=True),
        quantize_matrix(recurrent, recurrent_bias, for_state, h_scale, int8_input=True),
    )


def _gru(layer: Gru, tensor: _Tensor, ranges: Calibration) -> QuantGru:
    units = layer.units
    input_bias, recurrent_bias = layer.bias[0].copy(), np.zeros(3 * units)
    # One bias per row where both parts are simply added; the candidate's recurrent
    # bias is multiplied by r and must stay apart.
    merged = 2 * units if layer.reset_after else 3 * units
    input_bias[:merged] += layer.bias[1, :merged]
    recurrent_bias[merged:] = layer.bias[1, merged:]
    shift, kernel, recurrent = _recurrent_pair(layer, tensor, ranges, input_bias, recurrent_bias)
    return QuantGru(layer.name, kernel, recurrent, shift, layer.reset_after)


def _lstm(layer: Lstm, tensor: _Tensor, ranges: Calibration) -> QuantLstm:
    shift, kernel, recurrent = _recurrent_pair(layer, tensor, ranges, layer.bias, np.zeros(4 * layer.units))
    reach = CELL_HEADROOM * ranges.max_abs[layer.name, "cell"]
    cell_shift = max(0, math.ceil(math.log2(reach))) if reach > 0 else 0
    if cell_shift > MAX_CELL_SHIFT:
        raise CalibrationError(
            f"layer {layer.name!r}: the cell state reached {ranges.max_abs[layer.name, 'cell']:.3g}; "
            f"int16 holds up to {2**MAX_CELL_SHIFT}. Train with a smaller forget bias or shorter counting tasks"
        )
    return QuantLstm(layer.name, kernel, recurrent, shift, cell_shift)


def _simple_rnn(layer: SimpleRnn, tensor: _Tensor, ranges: Calibration) -> QuantSimpleRnn:
    shift, kernel, recurrent = _recurrent_pair(layer, tensor, ranges, layer.bias, np.zeros(layer.units))
    return QuantSimpleRnn(layer.name, kernel, recurrent, shift)


def _dense(layer: Dense, tensor: _Tensor, ranges: Calibration, *, last: bool) -> QuantDense:
    weight, int8_input = layer.kernel.T, tensor.is_input
    in_scale = doubled(tensor.scale) if int8_input else tensor.scale
    calibrated = ranges.max_abs[layer.name, "before_activation"]
    what = f"layer {layer.name!r}"
    dtype = "int8" if int8_input else "int16"
    if layer.activation in ("sigmoid", "tanh"):
        shift, (chosen,) = choose_preactivation(
            what, calibrated, lambda s: [multipliers_for(weight, layer.bias, in_scale, s, int8_input=int8_input)]
        )
        matvec = quantize_matrix(weight, layer.bias, chosen, in_scale, int8_input=int8_input)
        return QuantDense(layer.name, matvec, dtype, layer.activation, shift, Q15)
    worst = float((np.abs(weight).sum(axis=1) * tensor.bound + np.abs(layer.bias)).max(initial=0.0))
    # The last layer's range is a promise about unseen inputs; between layers the
    # next matmul sees the top byte only, so the range is kept tight.
    reach = min(worst, OUTPUT_HEADROOM * calibrated) if last else calibrated
    out_scale = Scale.at_least(max(reach, 2.0**-14) / 32767.0)
    for _ in range(16):
        found = multipliers_for(weight, layer.bias, in_scale, out_scale, int8_input=int8_input)
        if found is not None:
            matvec = quantize_matrix(weight, layer.bias, found, in_scale, int8_input=int8_input)
            activation = "relu" if layer.activation == "relu" else "linear"
            return QuantDense(layer.name, matvec, dtype, activation, 0, out_scale)
        out_scale = out_scale.times_power_of_two(1)
    raise CalibrationError(f"{what}: weights span too many orders of magnitude for 15-bit multipliers")
