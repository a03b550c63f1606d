"""Ranges of every intermediate tensor over calibration windows, and the input's scale."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeseq.arith.scale import Scale
from edgeseq.errors import CalibrationError
from edgeseq.graph import Conv1D, DepthwiseConv1D, Embedding, Graph
from edgeseq.graph.layers import FloatArray
from edgeseq.graph.reference import forward, normalize
from edgeseq.quantize.choose import rounded_input, spread, state_sqnr_db
from edgeseq.quantize.rounding import DAMPINGS, STRETCHES, Moments, MomentSum
from edgeseq.quantize.types import MAX_WINDOW_STEPS, QuantInput

# More windows than this change no range that matters and only cost time.
MAX_CALIBRATION_STEPS = 200_000
# int8 weights leave states at 35 to 50 dB on average, and single windows far lower where a
# cell integrates: rounding the input to int8 must be far below that. It is not for most
# standardised signals, and least for heavy tails such as raw vibration; data
# on a binary grid (pixels, ADC codes of 8 bits) loses nothing and stays int8.
MIN_INPUT_SQNR_DB = 50.0
# Unseen inputs exceed the calibrated range, and int16 codes have room to spare.
INT16_HEADROOM = 2.0
InputDtype = Literal["auto", "int8", "int16"]
MATMUL_INPUTS = ("x", "h", "gated_h")


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """max_abs[(layer, tensor)]: largest magnitude seen; moments: of the matmul inputs x, h and gated_h.

    damping: how roundings compensate, one of rounding.DAMPINGS. stretch: what row scales are multiplied by, one of
    rounding.STRETCHES.
    """

    max_abs: dict[tuple[str, str], float]
    moments: dict[tuple[str, str], Moments]
    input: QuantInput
    damping: float = DAMPINGS[0]
    stretch: float = STRETCHES[0]


def with_window(graph: Graph, window: int | None) -> Graph:
    """Return the graph with the length of its windows settled; window: the wanted one, or None.

    Raises CalibrationError where a model needs whole windows and nobody says how long, or two lengths disagree.
    """
    reason, built = graph.window_reason, graph.time_steps
    if window is not None and not 1 <= window <= MAX_WINDOW_STEPS:
        raise CalibrationError(f"a window of {window} time steps; expected 1 to {MAX_WINDOW_STEPS}")
    if reason is None:
        return graph
    if window is None and built is None:
        raise CalibrationError(
            f"model {graph.name!r} needs a whole window: {reason}; but the model does not say of how many time steps. "
            "Give the length (--window STEPS), or build the model with keras.Input((steps, features))"
        )
    if window is not None and built is not None and window != built:
        raise CalibrationError(
            f"model {graph.name!r} was built for windows of {built} time steps, not {window}. Leave out --window, "
            f"or rebuild the model with keras.Input(({window}, {graph.input_size}))"
        )
    if built is not None and built > MAX_WINDOW_STEPS:
        raise CalibrationError(f"model {graph.name!r}: a window of {built} time steps; expected 1 to {MAX_WINDOW_STEPS}")
    return graph if window is None else replace(graph, time_steps=window)


def check_windows(graph: Graph, windows: npt.ArrayLike) -> FloatArray:
    """Return windows as float64 (n, time, features), or raise CalibrationError saying what is wrong.

    A 2-D array is one stream.
    """
    try:
        values = np.asarray(windows, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise CalibrationError(f"calibration data is not a numeric array: {error}") from error
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3 or values.shape[2] != graph.input_size:
        raise CalibrationError(
            f"calibration data has shape {values.shape}; model {graph.name!r} expects (n, time, {graph.input_size})"
        )
    if graph.window_reason is not None and values.shape[1] != graph.time_steps:
        raise CalibrationError(
            f"calibration data has windows of {values.shape[1]} time steps; model {graph.name!r} needs exactly "
            f"{graph.time_steps}: {graph.window_reason}. Cut the data into such windows"
        )
    if values.size == 0:
        raise CalibrationError(f"calibration data is empty: shape {values.shape}. Give at least one window")
    bad = int(values.size - np.isfinite(values).sum())
    if bad:
        raise CalibrationError(f"calibration data holds {bad} NaN or infinite values; clean it first")
    if float(np.ptp(values)) == 0.0:
        raise CalibrationError(
            f"calibration data is constant (every value is {values.flat[0]:g}); no range can be learnt. Give real windows"
        )
    return values


def calibrate(graph: Graph, windows: FloatArray, input_dtype: InputDtype) -> Calibration:
    """Run the float model over the windows (n, time, features) and record ranges."""
    steps = windows.shape[0] * windows.shape[1]
    if steps > MAX_CALIBRATION_STEPS:
        stride = -(-steps // MAX_CALIBRATION_STEPS)
        if windows.shape[0] >= stride:
            windows = windows[::stride]
    max_abs: dict[tuple[str, str], float] = defaultdict(float)
    sums: dict[tuple[str, str], MomentSum] = {}

    def listen(layer: str, tensor: str, value: FloatArray) -> None:
        if tensor in MATMUL_INPUTS:
            sums.setdefault((layer, tensor), MomentSum(value.shape[-1])).add(value.reshape(-1, value.shape[-1]))
            return
        max_abs[layer, tensor] = max(max_abs[layer, tensor], float(np.abs(value).max(initial=0.0)))

    forward(graph, windows, listen=listen)
    moments = {key: value.moments() for key, value in sums.items()}
    return Calibration(dict(max_abs), moments, choose_input(graph, windows, input_dtype))


def choose_input(graph: Graph, windows: FloatArray, dtype: InputDtype) -> QuantInput:
    """Choose int8 or int16 codes. auto: int16 where int8 codes alone would disturb the states too much."""
    normalized = normalize(graph, windows)
    if isinstance(graph.layers[0], Embedding):
        if dtype == "int8":
            what = f"layer {graph.layers[0].name!r}"
            raise CalibrationError(f"{what} reads token ids, which are int16 codes; leave the input dtype at auto")
        return QuantInput("int16", Scale(1, 0), 0, np.zeros(1), np.ones(1))
    narrow = _int8_input(graph, normalized)
    few = spread(windows)
    if dtype == "int8" or (
        dtype == "auto" and state_sqnr_db(graph, graph, few, rounded_input(narrow, few, graph)) >= MIN_INPUT_SQNR_DB
    ):
        return narrow
    scale = Scale.at_least(INT16_HEADROOM * float(np.abs(normalized).max()) / 16383.0)
    return QuantInput("int16", scale, 0, narrow.mean, narrow.std)


def _int8_input(graph: Graph, normalized: FloatArray) -> QuantInput:
    """Pick the int8 scale and zero point with the least mean square error over the data.

    Candidates: symmetric and asymmetric min/max, and the next power of two, which is
    exact for data that already lies on a binary grid (ADC codes, pixels, q0.7).
    """
    flat = normalized.ravel()
    low, high = float(flat.min()), float(flat.max())
    magnitude = max(abs(low), abs(high))
    span_low, span_high = min(low, 0.0), max(high, 0.0)
    symmetric = Scale.at_least(magnitude / 127.0)
    asymmetric = Scale.at_least((span_high - span_low) / 255.0)
    zero_point = int(np.clip(np.round(-128 - span_low / asymmetric.value), -128, 127))
    # 128 steps of a power of two reach magnitude itself; the one clipped code is judged by its error.
    binary = Scale.at_least(magnitude / 128.0, bits=1)
    candidates = [(symmetric, 0), (binary, 0), (binary.times_power_of_two(1), 0)]
    # A convolution starts from a delay line of zeros, which must mean 0.
    if not isinstance(graph.layers[0], Conv1D | DepthwiseConv1D):
        candidates.append((asymmetric, zero_point))
    scale, zero_point = min(candidates, key=lambda c: _mean_square_error(flat, c[0], c[1]))
    ones = np.ones(graph.input_size)
    mean, std = (graph.normalization.mean, graph.normalization.std) if graph.normalization else (0 * ones, ones)
    return QuantInput("int8", scale, zero_point, mean, std)


def _mean_square_error(values: FloatArray, scale: Scale, zero_point: int) -> float:
    codes = np.clip(np.round(values / scale.value) + zero_point, -128, 127)
    return float(np.mean(((codes - zero_point) * scale.value - values) ** 2))
