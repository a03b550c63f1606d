"""Graph -> QuantGraph: one function per layer type, calibrated scales in, integers out."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeseq.arith.requantize import Multipliers
from edgeseq.arith.scale import Q7, Q15, Scale
from edgeseq.errors import CalibrationError
from edgeseq.graph import Activate, Dense, Graph, Gru, Layer, Lstm, SimpleRnn
from edgeseq.graph.layers import FloatArray
from edgeseq.quantize.calibrate import Calibration, InputDtype, calibrate, check_windows
from edgeseq.quantize.choose import best_of
from edgeseq.quantize.parameters import (
    INPUT16_SPAN,
    INT8_SPAN,
    INT16_SPAN,
    MatmulInput,
    choose_preactivation,
    multipliers_for,
    quantize_matrix,
)
from edgeseq.quantize.rounding import DAMPINGS, DENSE_DAMPING, STRETCHES, Moments, mean_error, round_matrix
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


@dataclass(frozen=True, slots=True)
class _Tensor:
    """The tensor between two layers: the model's input, or int16 after the first layer.

    scale: of the tensor itself; bound: largest real magnitude it can ever hold;
    input_dtype, zero_point: of the model's input; None and 0 for a tensor between layers.
    """

    size: int
    scale: Scale
    bound: float
    input_dtype: Literal["int8", "int16"] | None = None
    zero_point: int = 0

    @property
    def into_cell(self) -> MatmulInput:
        """How a recurrent layer reads it: the input's codes, or the top byte of an int16."""
        match self.input_dtype:
            case "int8":
                return MatmulInput.doubled(self.scale, INT8_SPAN, self.zero_point)
            case "int16":
                return MatmulInput.doubled(self.scale, INPUT16_SPAN)
            case None:
                return MatmulInput.doubled(self.scale.times_power_of_two(8), INT8_SPAN)

    @property
    def into_dense(self) -> MatmulInput:
        """How a Dense layer reads it: int8 codes doubled, any int16 as it is."""
        if self.input_dtype == "int8":
            return self.into_cell
        return MatmulInput(self.scale, INT16_SPAN, odd_bias=False)


def quantize(
    graph: Graph, calibration: npt.ArrayLike, scheme: Scheme = "int8", *, input_dtype: InputDtype = "auto"
) -> QuantGraph:
    """Turn a float graph into integers.

    calibration: (n, time, features) windows in raw units, or one (time, features) stream.
    input_dtype: int8 codes are smaller and faster; int16 ones keep heavy-tailed signals;
    auto takes int16 where rounding the input to int8 would be the largest error.
    Raises CalibrationError naming the tensor whose range cannot be used.
    """
    if scheme not in SCHEMES:
        raise CalibrationError(f"unknown scheme {scheme!r}; available: {', '.join(SCHEMES)}")
    windows = check_windows(graph, calibration)
    ranges = calibrate(graph, windows, input_dtype)
    tries = itertools.product(DAMPINGS, STRETCHES)
    candidates = [_quantized(graph, scheme, replace(ranges, damping=damping, stretch=stretch)) for damping, stretch in tries]
    return best_of(candidates, windows)


def _quantized(graph: Graph, scheme: Scheme, ranges: Calibration) -> QuantGraph:
    """Convert layer by layer with the scales and the rounding that `ranges` holds."""
    entry = ranges.input
    reach = max(abs(code - entry.zero_point) for code in entry.code_range)
    tensor = _Tensor(graph.input_size, entry.scale, reach * entry.scale.value, entry.dtype, entry.zero_point)
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
            tensor = _Tensor(converted.units, converted.out_scale, bound=32768 * converted.out_scale.value)
            softmax = isinstance(layer, Dense) and layer.activation == "softmax"
        elif not isinstance(converted, QuantRelu):
            tensor = _Tensor(converted.units, Q15, bound=1.0)
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
            if tensor.input_dtype is not None:
                raise CalibrationError(f"layer {layer.name!r}: an activation of the raw input has no integer form")
            return QuantRelu(layer.name, tensor.size, tensor.scale)


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Both matrices of a recurrent layer at one pre-activation scale."""

    shift: int
    input: Matvec
    recurrent: Matvec


def _recurrent_pair(
    layer: Gru | Lstm | SimpleRnn, tensor: _Tensor, ranges: Calibration, bias: FloatArray, apart: FloatArray | None = None
) -> _Pair:
    """Quantise kernel and recurrent kernel.

    bias: (rows,), all that is added to input and recurrent part together. apart: the recurrent bias
    of the last rows where it must not be merged (a GRU candidate's, which r multiplies), or None.
    """
    kernel, recurrent = layer.kernel.T, layer.recurrent_kernel.T
    rows, merged = len(kernel), len(kernel) - (0 if apart is None else len(apart))
    recurrent_bias = np.zeros(rows)
    if apart is not None:
        recurrent_bias[merged:] = apart
    x_enters, h_enters = tensor.into_cell, MatmulInput.doubled(Q7, INT8_SPAN)
    largest = max(ranges.max_abs[layer.name, part] for part in ("input_part", "recurrent_part"))
    shift, (for_input, for_state) = choose_preactivation(
        f"layer {layer.name!r}",
        largest,
        lambda scale: [
            multipliers_for(kernel, bias, x_enters, scale, ranges.stretch),
            multipliers_for(recurrent, recurrent_bias, h_enters, scale, ranges.stretch),
        ],
    )
    x_moments, h_moments = ranges.moments[layer.name, "x"], ranges.moments[layer.name, "h"]
    x_codes = round_matrix(kernel, for_input.weight_scale, x_moments, ranges.damping)
    h_codes, h_error = _round_recurrent(layer, recurrent, for_state, ranges, h_moments)
    bias = bias + mean_error(kernel, x_codes, for_input.weight_scale, x_moments)
    bias[:merged] += h_error[:merged]
    recurrent_bias[merged:] += h_error[merged:]
    return _Pair(
        shift,
        quantize_matrix(kernel, bias, for_input, x_enters, x_codes),
        quantize_matrix(recurrent, recurrent_bias, for_state, h_enters, h_codes),
    )


def _round_recurrent(
    layer: Gru | Lstm | SimpleRnn, recurrent: FloatArray, chosen: Multipliers, ranges: Calibration, h_moments: Moments
) -> tuple[npt.NDArray[np.int8], FloatArray]:
    """Return (codes, mean error); with reset_after=False the candidate's rows see r * h instead of h."""
    scale = chosen.weight_scale
    codes = round_matrix(recurrent, scale, h_moments, ranges.damping)
    error = mean_error(recurrent, codes, scale, h_moments)
    gated = ranges.moments.get((layer.name, "gated_h"))
    if gated is not None:
        rows = slice(2 * layer.units, None)
        codes[rows] = round_matrix(recurrent[rows], scale[rows], gated, ranges.damping)
        error[rows] = mean_error(recurrent[rows], codes[rows], scale[rows], gated)
    return codes, error


def _gru(layer: Gru, tensor: _Tensor, ranges: Calibration) -> QuantGru:
    # One bias per row where both parts are simply added; the candidate's recurrent
    # bias is multiplied by r and must stay apart.
    bias, apart = layer.bias[0] + layer.bias[1], None
    if layer.reset_after:
        candidate = slice(2 * layer.units, None)
        bias[candidate], apart = layer.bias[0, candidate], layer.bias[1, candidate]
    pair = _recurrent_pair(layer, tensor, ranges, bias, apart)
    return QuantGru(layer.name, pair.input, pair.recurrent, pair.shift, layer.reset_after)


def _lstm(layer: Lstm, tensor: _Tensor, ranges: Calibration) -> QuantLstm:
    pair = _recurrent_pair(layer, tensor, ranges, layer.bias)
    reach = CELL_HEADROOM * ranges.max_abs[layer.name, "cell"]
    cell_shift = max(0, math.ceil(math.log2(reach))) if reach > 0 else 0
    if cell_shift > MAX_CELL_SHIFT:
        raise CalibrationError(
            f"layer {layer.name!r}: the cell state reached {ranges.max_abs[layer.name, 'cell']:.3g}; "
            f"int16 holds up to {2**MAX_CELL_SHIFT}. Train with a smaller forget bias or shorter counting tasks"
        )
    return QuantLstm(layer.name, pair.input, pair.recurrent, pair.shift, cell_shift)


def _simple_rnn(layer: SimpleRnn, tensor: _Tensor, ranges: Calibration) -> QuantSimpleRnn:
    pair = _recurrent_pair(layer, tensor, ranges, layer.bias)
    return QuantSimpleRnn(layer.name, pair.input, pair.recurrent, pair.shift)


def _rounded_dense(layer: Dense, chosen: Multipliers, entering: MatmulInput, ranges: Calibration) -> Matvec:
    weight, moments = layer.kernel.T, ranges.moments[layer.name, "x"]
    codes = round_matrix(weight, chosen.weight_scale, moments, DENSE_DAMPING)
    bias = layer.bias + mean_error(weight, codes, chosen.weight_scale, moments)
    return quantize_matrix(weight, bias, chosen, entering, codes)


def _dense(layer: Dense, tensor: _Tensor, ranges: Calibration, *, last: bool) -> QuantDense:
    weight, entering = layer.kernel.T, tensor.into_dense
    calibrated = ranges.max_abs[layer.name, "before_activation"]
    what = f"layer {layer.name!r}"
    dtype: Literal["int8", "int16"] = "int8" if tensor.input_dtype == "int8" else "int16"
    if layer.activation == "sigmoid" or layer.activation == "tanh":  # noqa: PLR1714 (narrows the type)
        shift, (chosen,) = choose_preactivation(what, calibrated, lambda s: [multipliers_for(weight, layer.bias, entering, s)])
        matvec = _rounded_dense(layer, chosen, entering, ranges)
        return QuantDense(layer.name, matvec, dtype, layer.activation, shift, Q15)
    worst = float((np.abs(weight).sum(axis=1) * tensor.bound + np.abs(layer.bias)).max(initial=0.0))
    # The last layer's range is a promise about unseen inputs; between layers the
    # next matmul sees the top byte only, so the range is kept tight.
    reach = min(worst, OUTPUT_HEADROOM * calibrated) if last else calibrated
    out_scale = Scale.at_least(max(reach, 2.0**-14) / 32767.0)
    for _ in range(16):
        found = multipliers_for(weight, layer.bias, entering, out_scale)
        if found is not None:
            matvec = _rounded_dense(layer, found, entering, ranges)
            activation: Literal["relu", "linear"] = "relu" if layer.activation == "relu" else "linear"
            return QuantDense(layer.name, matvec, dtype, activation, 0, out_scale)
        out_scale = out_scale.times_power_of_two(1)
    raise CalibrationError(f"{what}: weights span too many orders of magnitude for 15-bit multipliers")
