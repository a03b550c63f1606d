"""Ranges of every intermediate tensor over calibration windows, and the input's scale."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgeseq.arith.entry import MIN_INPUT_SQNR_DB, InputDtype, int8_input, int16_input
from edgeseq.arith.requantize import INT16_MAX
from edgeseq.arith.rounding import DAMPINGS, STRETCHES, Moments, MomentSum
from edgeseq.arith.scale import Scale
from edgeseq.errors import CalibrationError
from edgeseq.graph import Conv1D, DepthwiseConv1D, Embedding, Graph
from edgeseq.graph.layers import FloatArray
from edgeseq.graph.reference import forward, normalize
from edgeseq.quantize.choose import rounded_input, spread, state_sqnr_db
from edgeseq.quantize.ranges import METHODS, PERCENTILE, Choice, Method, Range, Samples, choose_range
from edgeseq.quantize.trained import trained_input
from edgeseq.quantize.types import MAX_WINDOW_STEPS, QuantInput

# More windows than this change no range that matters and only cost time.
MAX_CALIBRATION_STEPS = 200_000
# Shares of the input's span that "mse" tries.
_INPUT_SHARES = tuple(np.linspace(1.0, 0.3, 15))
MATMUL_INPUTS = ("x", "h", "gated_h", "x_rank", "h_rank")


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """ranges[(layer, tensor)]: what each tensor shall hold; moments: of MATMUL_INPUTS.

    damping: how roundings compensate, one of rounding.DAMPINGS. stretch: what row scales are multiplied by, one of
    rounding.STRETCHES.
    """

    ranges: dict[tuple[str, str], Range]
    moments: dict[tuple[str, str], Moments]
    input: QuantInput
    damping: float = DAMPINGS[0]
    stretch: float = STRETCHES[0]

    @property
    def max_abs(self) -> dict[tuple[str, str], float]:
        """Largest magnitude that each tensor shall hold."""
        return {key: found.reach for key, found in self.ranges.items()}


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
    # A model that was built for shorter windows never sees more.
    seen = min(graph.receptive_field, graph.time_steps or graph.receptive_field)
    if values.shape[1] < seen:
        raise CalibrationError(
            f"calibration data has windows of {values.shape[1]} time steps; an output of model {graph.name!r} sees {seen} "
            f"through its convolutions, and with less the ranges would miss some. Give windows of at least {seen} steps"
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


def calibrate(graph: Graph, windows: FloatArray, input_dtype: InputDtype, choice: Choice = "auto") -> Calibration:
    """Run the float model over the windows (n, time, features), record and choose ranges."""
    steps = windows.shape[0] * windows.shape[1]
    if steps > MAX_CALIBRATION_STEPS:
        stride = -(-steps // MAX_CALIBRATION_STEPS)
        if windows.shape[0] >= stride:
            windows = windows[::stride]
    samples: dict[tuple[str, str], Samples] = defaultdict(Samples)
    sums: dict[tuple[str, str], MomentSum] = {}

    def listen(layer: str, tensor: str, value: FloatArray) -> None:
        if not np.isfinite(value).all():
            raise CalibrationError(
                f"layer {layer!r}: the float model itself diverges on the calibration data ({tensor} is not finite). "
                "Use a bounded activation, shorter windows, or other weights"
            )
        if tensor in MATMUL_INPUTS:
            sums.setdefault((layer, tensor), MomentSum(value.shape[-1])).add(value.reshape(-1, value.shape[-1]))
        else:
            samples[layer, tensor].add(value)

    with np.errstate(over="ignore", invalid="ignore"):  # named by `listen`
        forward(graph, windows, listen=listen)
    ranges = {key: choose_range(seen, choice, INT16_MAX) for key, seen in samples.items()}
    moments = {key: value.moments() for key, value in sums.items()}
    return Calibration(ranges, moments, choose_input(graph, windows, input_dtype, choice))


def choose_input(graph: Graph, windows: FloatArray, dtype: InputDtype, choice: Choice = "auto") -> QuantInput:
    """Choose int8 or int16 codes. auto: int16 where int8 codes alone would disturb the states too much.

    A model that was trained with integers keeps its codes.
    """
    if graph.fixed_input is not None:
        return trained_input(graph)
    normalized = normalize(graph, windows)
    if isinstance(graph.layers[0], Embedding):
        if dtype == "int8":
            what = f"layer {graph.layers[0].name!r}"
            raise CalibrationError(f"{what} reads token ids, which are int16 codes; leave the input dtype at auto")
        return QuantInput("int16", Scale(1, 0), 0, np.zeros(1), np.ones(1))
    narrow = _int8_input(graph, normalized, choice)
    few = spread(windows)
    if dtype == "int8" or (
        dtype == "auto" and state_sqnr_db(graph, graph, few, rounded_input(narrow, few, graph)) >= MIN_INPUT_SQNR_DB
    ):
        return narrow
    return QuantInput("int16", int16_input(normalized), 0, narrow.mean, narrow.std)


def _int8_input(graph: Graph, normalized: FloatArray, choice: Choice) -> QuantInput:
    # A convolution starts from a delay line of zeros, which must mean 0.
    symmetric = isinstance(graph.layers[0], Conv1D | DepthwiseConv1D)
    scale, zero_point = int8_input(normalized, _spans(normalized, choice), symmetric=symmetric)
    ones = np.ones(graph.input_size)
    mean, std = (graph.normalization.mean, graph.normalization.std) if graph.normalization else (0 * ones, ones)
    return QuantInput("int8", scale, zero_point, mean, std)


def _spans(flat: FloatArray, choice: Choice) -> list[tuple[float, float]]:
    """Smallest and largest value that the codes shall cover, by each method that may be chosen."""
    low, high = float(flat.min()), float(flat.max())
    inner = np.percentile(flat, [100 - PERCENTILE, PERCENTILE])
    spans: dict[Method, list[tuple[float, float]]] = {
        "minmax": [(low, high)],
        "percentile": [(float(inner[0]), float(inner[1]))],
        "mse": [(share * low, share * high) for share in _INPUT_SHARES],
    }
    wanted = METHODS if choice == "auto" else (choice,)
    return [span for method in wanted for span in spans[method] if any(span)] or spans["minmax"]
