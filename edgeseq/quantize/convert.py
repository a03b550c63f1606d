"""Graph -> QuantGraph: several roundings of the same graph, and the best of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy.typing as npt

from edgeseq.errors import CalibrationError
from edgeseq.graph import Activate, Dense, Graph, Prelu
from edgeseq.quantize.calibrate import InputDtype, calibrate, check_windows
from edgeseq.quantize.choose import best_of
from edgeseq.quantize.ops import Settings, Tensor, convert
from edgeseq.quantize.ranges import Choice
from edgeseq.quantize.rounding import DAMPINGS, STRETCHES
from edgeseq.quantize.types import SCHEMES, QuantGraph, QuantLayer, Scheme


def quantize(
    graph: Graph,
    calibration: npt.ArrayLike,
    scheme: Scheme = "int8",
    *,
    layer_schemes: Mapping[str, Scheme] | None = None,
    input_dtype: InputDtype = "auto",
    ranges: Choice = "auto",
) -> QuantGraph:
    """Turn a float graph into integers.

    calibration: (n, time, features) windows in raw units, or one (time, features) stream.
    layer_schemes: other schemes for single layers, by name.
    input_dtype: int8 codes are smaller and faster; int16 ones keep heavy-tailed signals;
    auto takes int16 where rounding the input to int8 would be the largest error.
    ranges: how a tensor's range is taken from what calibration saw; auto takes the method of the best SQNR for each.
    Raises CalibrationError naming the tensor whose range cannot be used.
    """
    single = dict(layer_schemes or {})
    for wanted in (scheme, *single.values()):
        if wanted not in SCHEMES:
            raise CalibrationError(f"unknown scheme {wanted!r}; available: {', '.join(SCHEMES)}")
    names = [layer.name for layer in graph.layers]
    for name in single:
        if name not in names:
            raise CalibrationError(f"a scheme is given for layer {name!r}; the model has {', '.join(names)}")
    windows = check_windows(graph, calibration)
    calibrated = calibrate(graph, windows, input_dtype, ranges)
    tries = itertools.product(DAMPINGS, STRETCHES)
    candidates = [
        quantized(graph, Settings(replace(calibrated, damping=damping, stretch=stretch), scheme, single))
        for damping, stretch in tries
    ]
    return best_of(candidates, windows)


def quantized(graph: Graph, settings: Settings) -> QuantGraph:
    """Convert layer by layer with the scales and the rounding that `settings` holds."""
    entry = settings.ranges.input
    reach = max(abs(code - entry.zero_point) for code in entry.code_range)
    tensor = Tensor(graph.input_size, entry.scale, reach * entry.scale.value, entry.dtype, entry.zero_point)
    layers: list[QuantLayer] = []
    for index, layer in enumerate(graph.layers):
        last = all(isinstance(x, Activate | Prelu) for x in graph.layers[index + 1 :])
        converted, tensor = convert(layer, tensor, settings, last=last)
        if converted is not None:
            layers.append(converted)
    final = graph.layers[-1]
    softmax = (isinstance(final, Dense) and final.activation == "softmax") or (
        isinstance(final, Activate) and final.function == "softmax"
    )
    return QuantGraph(graph.name, settings.scheme, entry, tuple(layers), softmax, graph)
