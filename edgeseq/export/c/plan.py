"""QuantGraph -> one plan per layer: which kernels, which data, which call."""

from __future__ import annotations

from edgeseq.export.c import fast, portable
from edgeseq.export.c.isa import FAMILIES
from edgeseq.export.c.layer_plan import LayerPlan, Source
from edgeseq.quantize.types import QuantDense, QuantGraph, QuantGru, QuantLayer, QuantLstm, QuantRelu, QuantSimpleRnn


def plan_layers(graph: QuantGraph, prefix: str, kernel_set: str) -> tuple[LayerPlan, ...]:
    """Plan all layers; the last one's result is copied to or written into y.

    kernel_set: "portable", or a family of fast kernels, which leaves what it cannot run to the portable ones.
    """
    source = Source("x", graph.input_size, graph.input.dtype, graph.input.zero_point)
    plans = []
    for index, layer in enumerate(graph.layers):
        last = index == len(graph.layers) - 1
        plan = _plan(layer, f"l{index}", prefix, source, kernel_set, last=last)
        plans.append(plan)
        source = Source(plan.output, layer.units)
    return tuple(plans)


def _plan(layer: QuantLayer, label: str, prefix: str, source: Source, kernel_set: str, *, last: bool) -> LayerPlan:
    isa = FAMILIES.get(kernel_set)
    match layer:
        case QuantGru() | QuantLstm() | QuantSimpleRnn():
            if isa is None:
                return portable.plan_recurrent(layer, label, prefix, source, last=last)
            return fast.plan_recurrent(layer, label, prefix, source, isa, last=last)
        case QuantDense():
            if isa is None or layer.input_dtype == "int8":
                return portable.plan_dense(layer, label, prefix, source, last=last)
            return fast.plan_dense(layer, label, prefix, source, isa, last=last)
        case QuantRelu():
            return portable.plan_relu(layer, label, source, last=last)
