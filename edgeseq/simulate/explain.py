"""Where a quantised model loses accuracy: tensor by tensor, and layer by layer.

A tensor's figures are those of the float model's values rounded and clipped to the tensor's integers. A
layer's are those of the whole model's output when this layer alone computes with integers.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.arith.requantize import INT16_MAX, INT16_MIN
from edgeseq.arith.scale import Scale, function_scale, power_of_two
from edgeseq.graph import Activate, Dense, Graph, Layer
from edgeseq.graph.layers import UNBOUNDED, FloatArray
from edgeseq.graph.reference import MEANINGS, forward, normalize, silent
from edgeseq.quantize.choose import spread
from edgeseq.quantize.ranges import Samples, sqnr_db
from edgeseq.quantize.types import QuantDense, QuantFastGrnn, QuantGraph, QuantLayer, QuantLookup, QuantLstm, QuantRecurrent
from edgeseq.simulate.oracle import quantize_input
from edgeseq.simulate.runners import make_runners

INPUT = "input"
# A layer may have become several: one that widens what it reads, normalises it or gathers taps, then the one of its name.
PART_SUFFIXES = ("_input", "_normal", "_taps", "")
MAX_WINDOWS = 64


@dataclass(frozen=True, slots=True)
class TensorReport:
    """One tensor. low, high: of the float values. step: real value of one integer. saturated: share of clipped values."""

    layer: str
    tensor: str
    dtype: str
    low: float
    high: float
    step: float
    saturated: float
    sqnr_db: float


@dataclass(frozen=True, slots=True)
class LayerCost:
    """output_sqnr_db: of the model's output when only this layer, or the input's codes, are integers."""

    layer: str
    kind: str
    output_sqnr_db: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything `edgeseq quantize --explain` shows."""

    tensors: tuple[TensorReport, ...]
    costs: tuple[LayerCost, ...]

    @property
    def costliest(self) -> LayerCost:
        """What loses most."""
        return min(self.costs, key=lambda cost: cost.output_sqnr_db)


def _recurrent_scales(layer: QuantRecurrent) -> dict[str, Scale]:
    curves = [scale for function, scale in zip(layer.functions, layer.block_scales, strict=True) if function not in UNBOUNDED]
    scales = dict.fromkeys(("input_part", "recurrent_part"), curves[0]) if curves else {}
    scales["h"] = layer.out_scale
    if isinstance(layer, QuantLstm):
        scales["cell"] = power_of_two(layer.cell_shift)
    if isinstance(layer, QuantFastGrnn):
        factors = {"x_rank": layer.input_factor, "h_rank": layer.recurrent_factor}
        scales |= {tensor: factor.scale for tensor, factor in factors.items() if factor is not None}
    return scales


def _dense_scales(layer: QuantDense) -> dict[str, Scale]:
    tabled = layer.preactivation_shift > 0
    before = function_scale(layer.activation, layer.preactivation_shift, 0) if tabled else layer.out_scale
    return {"before_activation": before}


def _scales(layer: QuantLayer) -> dict[str, Scale]:
    """int16 tensors inside a layer, as calibration names them, and their scales."""
    if isinstance(layer, QuantRecurrent):
        return _recurrent_scales(layer)
    if isinstance(layer, QuantLookup):
        return {"result": layer.scale}
    return _dense_scales(layer) if isinstance(layer, QuantDense) else {}


def explain(graph: QuantGraph, windows: npt.NDArray[np.floating]) -> Explanation:
    """Report on a model over windows (n, time, features) in raw units."""
    few = spread(np.asarray(windows, np.float64), MAX_WINDOWS)
    seen: dict[tuple[str, str], Samples] = defaultdict(Samples)
    source = _without_softmax(graph.source)
    exact = forward(source, few, listen=lambda layer, tensor, value: seen[layer, tensor].add(value)).outputs
    tensors = [_input_report(graph, few)]
    for layer in graph.every_layer:
        for tensor, scale in _scales(layer).items():
            if (layer.name, tensor) in seen:
                tensors.append(_report(layer.name, tensor, seen[layer.name, tensor], scale))
    return Explanation(tuple(tensors), tuple(_costs(graph, source, few, exact)))


def _report(layer: str, tensor: str, samples: Samples, scale: Scale) -> TensorReport:
    values = samples.values
    codes = np.round(values / scale.value)
    clipped = np.clip(codes, INT16_MIN, INT16_MAX)
    saturated = float(np.mean(codes != clipped))
    quality = sqnr_db(values, clipped * scale.value)
    return TensorReport(layer, tensor, "int16", samples.low, samples.high, scale.value, saturated, quality)


def _input_report(graph: QuantGraph, x: FloatArray) -> TensorReport:
    entry, values = graph.input, normalize(graph.source, x)
    codes = np.round(values / entry.scale.value) + entry.zero_point
    saturated = float(np.mean((codes < entry.code_range[0]) | (codes > entry.code_range[1])))
    low, high = float(values.min()), float(values.max())
    rounded = _real_input(graph, x)
    return TensorReport(INPUT, "x", entry.dtype, low, high, entry.scale.value, saturated, sqnr_db(values, rounded))


def _real_input(graph: QuantGraph, x: FloatArray) -> FloatArray:
    """The input after its codes, normalised."""
    return (quantize_input(graph.input, x).astype(np.float64) - graph.input.zero_point) * graph.input.scale.value


def _costs(graph: QuantGraph, source: Graph, x: FloatArray, exact: FloatArray) -> list[LayerCost]:
    """The input's codes against the float model; each layer against the float model on these codes."""
    entered = _real_input(graph, x)
    tensors = [entered]
    for layer in source.layers:
        tensors.append(_meaning(layer, tensors[-1]))
    costs = [LayerCost(INPUT, graph.input.dtype, sqnr_db(exact, tensors[-1]))]
    scale: Scale | None = None  # of the tensor before the layer; None: input codes
    for index, layer in enumerate(source.layers):
        found = [part for part in graph.layers if part.name in {layer.name + suffix for suffix in PART_SUFFIXES}]
        if not found:
            continue
        value = _run_integers(graph, found, tensors[index], scale)
        for later in source.layers[index + 1 :]:
            value = _meaning(later, value)
        costs.append(LayerCost(layer.name, type(layer).__name__, sqnr_db(tensors[-1], value)))
        scale = scale if found[-1].rearranges else found[-1].out_scale
    return costs


def _run_integers(graph: QuantGraph, layers: Sequence[QuantLayer], value: FloatArray, scale: Scale | None) -> FloatArray:
    """One layer in integers, its float input rounded to the tensor's int16; scale None: that input has the input's codes."""
    entry = graph.input
    step, zero_point = (entry.scale, entry.zero_point) if scale is None else (scale, 0)
    codes = np.clip(np.round(value / step.value) + zero_point, INT16_MIN, INT16_MAX).astype(np.int32)
    for runner in make_runners(layers, len(value), zero_point if scale is None else None):
        codes = runner.run(codes)
    still_codes = scale is None and layers[-1].rearranges
    return np.asarray((codes - (zero_point if still_codes else 0)) * layers[-1].out_scale.value, np.float64)


def _meaning(layer: Layer, value: FloatArray) -> FloatArray:
    meaning: Callable[[Any, FloatArray, Any], FloatArray] = MEANINGS[type(layer)]
    return meaning(layer, value, silent)


def _without_softmax(graph: Graph) -> Graph:
    """The integer outputs are logits."""
    layers = [layer for layer in graph.layers if not (isinstance(layer, Activate) and layer.function == "softmax")]
    last = layers[-1]
    if isinstance(last, Dense) and last.activation == "softmax":
        layers[-1] = dataclasses.replace(last, activation="linear")
    return dataclasses.replace(graph, layers=tuple(layers))
