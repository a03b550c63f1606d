"""Functions of single values -> integers: exact where they are straight pieces, else a table."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edgeseq.arith.lookup import ENTRIES, STEP, table_problem
from edgeseq.arith.scale import Q15, Scale
from edgeseq.errors import CalibrationError
from edgeseq.graph import Activate, Prelu
from edgeseq.graph.layers import FloatArray
from edgeseq.graph.reference import activate
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.types import QuantElementwise, QuantLookup, QuantRectify, QuantRelu

# Outputs of unseen inputs exceed the calibrated ones; 4x costs 2 of 16 bits. Between layers a tensor is kept tight.
OUTPUT_HEADROOM = 4.0


def activation(layer: Activate, tensor: Tensor, settings: Settings, *, last: bool) -> QuantElementwise | None:
    """ReLU and its kin stay at their input's scale; a final softmax stays on the float side."""
    if layer.function == "softmax":
        return None
    if tensor.input_dtype is not None:
        raise CalibrationError(f"layer {layer.name!r}: an activation of the raw input has no integer form")
    if layer.function == "relu":
        return QuantRelu(layer.name, tensor.size, tensor.scale)
    if layer.function == "rectified":
        limit, slope, threshold = layer.parameters
        return QuantRectify(
            layer.name, tensor.size, tensor.scale, _steps(threshold, tensor), _steps(limit, tensor), _slopes(np.array([slope]))
        )
    return _table(layer, tensor, settings.ranges.max_abs[layer.name, "result"] * (OUTPUT_HEADROOM if last else 1.0))


def prelu(layer: Prelu, tensor: Tensor, settings: Settings, *, last: bool) -> QuantRectify:
    """A slope per value."""
    if tensor.input_dtype is not None:
        raise CalibrationError(f"layer {layer.name!r}: an activation of the raw input has no integer form")
    return QuantRectify(layer.name, tensor.size, tensor.scale, 0, 32767, _slopes(layer.alpha))


def _steps(value: float, tensor: Tensor) -> int:
    """A real threshold in int16 steps of the tensor; beyond its range the largest."""
    return 32767 if math.isinf(value) else min(32767, round(value / tensor.scale.value))


def _slopes(slope: FloatArray) -> npt.NDArray[np.int16]:
    return np.clip(np.round(slope * 32768), -32768, 32767).astype(np.int16)


def _table(layer: Activate, tensor: Tensor, wanted: float) -> QuantLookup:
    """Entries that lie a little beside the function, so that the lines between them err as much above it as below."""
    at = (np.arange(ENTRIES, dtype=np.float64) - ENTRIES // 2) * (STEP * tensor.scale.value)
    with np.errstate(over="ignore"):  # an exponential far beyond the calibrated range saturates
        exact = activate(layer.function, at, *layer.parameters)
        between = activate(layer.function, at[:-1] + STEP / 2 * tensor.scale.value, *layer.parameters)
    reach = min(float(np.abs(exact).max()), wanted)
    scale = Q15 if 0.5 < reach <= 1.0 else Scale.at_least(max(reach, 2.0**-14) / 32767.0)
    table = _entries(exact, between, scale)
    while table_problem(table):  # a step of more than int16 between entries: an input far wider than the function
        scale = scale.times_power_of_two(1)
        table = _entries(exact, between, scale)
    return QuantLookup(layer.name, tensor.size, scale, tensor.scale, table)


def _entries(exact: FloatArray, between: FloatArray, scale: Scale) -> npt.NDArray[np.int16]:
    """exact: (513,) of the function; between: (512,) half-way."""
    limit = 32767 * scale.value
    exact, between = (np.clip(values, -limit, limit) for values in (exact, between))
    error = (exact[:-1] + exact[1:]) / 2 - between
    # Each entry serves two lines; a kink at an entry leaves both straight, and moves nothing.
    moved = exact - (np.append(error, error[-1]) + np.append(error[0], error)) / 4
    return np.clip(np.round(moved / scale.value), -32767, 32767).astype(np.int16)
