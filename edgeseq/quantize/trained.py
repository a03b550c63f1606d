"""Models that were trained with integers: nothing is left to choose, and nothing may be chosen otherwise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgeseq.arith.entry import InputDtype
from edgeseq.arith.matmul import Scheme
from edgeseq.errors import CalibrationError
from edgeseq.graph import Dense, FixedDense, FixedRecurrent, Graph, Layer, Recurrent
from edgeseq.quantize.types import QuantInput


def unfixed(graph: Graph) -> list[str]:
    """Return what calibration must still choose: 'the input', and layers that carry no integers of their own."""
    names = [] if graph.fixed_input is not None else ["the input"]
    return names + [f"layer {layer.name!r}" for layer in graph.every_layer if layer.weights and _fixed(layer) is None]


def _fixed(layer: Layer) -> FixedRecurrent | FixedDense | None:
    """What a layer was trained with, if it was."""
    return layer.fixed if isinstance(layer, Recurrent | Dense) else None


def trained_input(graph: Graph) -> QuantInput:
    """Return the codes that the model was trained to read."""
    fixed = graph.fixed_input
    if fixed is None or fixed.dtype is None:
        raise CalibrationError(f"model {graph.name!r} was not trained with input codes; give calibration windows")
    norm, ones = graph.normalization, np.ones(graph.input_size)
    return QuantInput(fixed.dtype, fixed.scale, fixed.zero_point, norm.mean if norm else 0 * ones, norm.std if norm else ones)


def trained_scheme(graph: Graph, scheme: Scheme | None, single: Mapping[str, Scheme], input_dtype: InputDtype) -> Scheme | None:
    """Return the scheme that a model was trained with, or None. Raises CalibrationError where another one is asked for."""
    again = "Prepare and train the float model again to change that"
    if graph.fixed_input is not None and input_dtype not in ("auto", graph.fixed_input.dtype):
        raise CalibrationError(f"the model was trained with {graph.fixed_input.dtype} input codes, not {input_dtype}. {again}")
    found: Scheme | None = None
    for layer in graph.every_layer:
        fixed = _fixed(layer)
        if not isinstance(fixed, FixedRecurrent):
            continue
        wanted = single.get(layer.name, scheme)
        if wanted not in (None, fixed.scheme):
            raise CalibrationError(f"layer {layer.name!r} was trained as {fixed.scheme}, not {wanted}. {again}")
        found = found or fixed.scheme
    return found
