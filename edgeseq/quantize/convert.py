"""Graph -> QuantGraph: several roundings of the same graph, and the best of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy.typing as npt

from edgeseq.arith.entry import InputDtype
from edgeseq.arith.rounding import DAMPINGS, STRETCHES
from edgeseq.errors import CalibrationError
from edgeseq.graph import Activate, Dense, Graph, walk
from edgeseq.quantize.calibrate import Calibration, calibrate, check_windows, with_window
from edgeseq.quantize.choose import best_of
from edgeseq.quantize.ops import Settings, Tensor, convert_chain
from edgeseq.quantize.ranges import Choice
from edgeseq.quantize.trained import trained_input, trained_scheme, unfixed
from edgeseq.quantize.types import SCHEMES, QuantGraph, Scheme


def quantize(
    graph: Graph,
    calibration: npt.ArrayLike | None = None,
    scheme: Scheme | None = None,
    *,
    layer_schemes: Mapping[str, Scheme] | None = None,
    input_dtype: InputDtype = "auto",
    ranges: Choice = "auto",
    window: int | None = None,
) -> QuantGraph:
    """Turn a float graph into integers.

    calibration: (n, time, features) windows in raw units, or one (time, features) stream; a model that was trained
    with integers needs none. scheme: int8, or what the model was trained with, unless given.
    layer_schemes: other schemes for single layers, by name.
    input_dtype: int8 codes are smaller and faster; int16 ones keep heavy-tailed signals;
    auto takes int16 where rounding the input to int8 would be the largest error.
    ranges: how a tensor's range is taken from what calibration saw; auto takes the method of the best SQNR for each.
    window: time steps of a window, for a model that needs whole windows and does not say of how many steps.
    Raises CalibrationError naming the tensor whose range cannot be used.
    """
    single = dict(layer_schemes or {})
    for wanted in (*([scheme] if scheme else []), *single.values()):
        if wanted not in SCHEMES:
            raise CalibrationError(f"unknown scheme {wanted!r}; available: {', '.join(SCHEMES)}")
    names = [layer.name for layer in graph.every_layer]
    for name in single:
        if name not in names:
            raise CalibrationError(f"a scheme is given for layer {name!r}; the model has {', '.join(names)}")
    for layer in walk(graph.layers):
        # A scheme for a layer holds for all inside it that have none of their own.
        if layer.name in single:
            single = {inner.name: single[layer.name] for chain in layer.chains for inner in walk(chain)} | single
    graph = with_window(graph, window)
    trained = trained_scheme(graph, scheme, single, input_dtype)
    if trained is not None and not unfixed(graph):
        entry = trained_input(graph)
        return quantized(graph, Settings(Calibration({}, {}, entry), trained, single))
    if calibration is None:
        raise CalibrationError(f"model {graph.name!r} needs calibration windows: {', '.join(unfixed(graph))} has no ranges yet")
    windows = check_windows(graph, calibration)
    calibrated = calibrate(graph, windows, input_dtype, ranges)
    # Only recurrent layers are rounded in more than one way: their states feed back what a rounding does.
    tries = itertools.product(DAMPINGS, STRETCHES) if graph.recurrent else [(DAMPINGS[0], STRETCHES[0])]
    candidates = [
        quantized(graph, Settings(replace(calibrated, damping=damping, stretch=stretch), trained or scheme or "int8", single))
        for damping, stretch in tries
    ]
    return best_of(candidates, windows)


def quantized(graph: Graph, settings: Settings) -> QuantGraph:
    """Convert layer by layer with the scales and the rounding that `settings` holds."""
    entry = settings.ranges.input
    reach = max(abs(code - entry.zero_point) for code in entry.code_range)
    tensor = Tensor(graph.input_size, entry.scale, reach * entry.scale.value, entry.dtype, entry.zero_point)
    layers, _ = convert_chain(graph.layers, tensor, settings, last=True)
    final = graph.layers[-1]
    softmax = (isinstance(final, Dense) and final.activation == "softmax") or (
        isinstance(final, Activate) and final.function == "softmax"
    )
    return QuantGraph(graph.name, settings.scheme, entry, layers, softmax, graph)
