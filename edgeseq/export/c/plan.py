"""QuantGraph -> one plan per layer: which kernels, which data, which call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgeseq.export.c import fast, portable
from edgeseq.export.c.isa import FAMILIES
from edgeseq.export.c.layer_plan import LayerPlan, Place, Source
from edgeseq.quantize.types import QuantGraph, QuantLayer


def plan_layers(graph: QuantGraph, prefix: str, kernel_set: str) -> tuple[LayerPlan, ...]:
    """Plan all layers; the last one's result is copied to or written into y.

    kernel_set: "portable", or a family of fast kernels, which leaves what it cannot run to the portable ones.
    """
    source = Source("x", graph.input_size, graph.input.dtype, graph.input.zero_point)
    return plan_step(graph.layers, prefix, kernel_set, source)


def plan_step(
    layers: Sequence[QuantLayer], prefix: str, kernel_set: str, source: Source, *, first: int = 0
) -> tuple[LayerPlan, ...]:
    """Plan one time step of layers one behind another, from source to y. first: number of the first in C names."""
    plans = []
    for index, layer in enumerate(layers):
        plan = _plan(layer, Place(f"l{first + index}", prefix, source, last=index == len(layers) - 1), kernel_set)
        plans.append(plan)
        source = Source(plan.output, layer.units)
    return tuple(plans)


def _plan(layer: QuantLayer, place: Place, kernel_set: str) -> LayerPlan:
    isa, planner = FAMILIES.get(kernel_set), fast.PLANNERS.get(type(layer))
    refusal = None
    if isa is not None and planner is not None:
        plan = planner(layer, place, isa)
        if isinstance(plan, LayerPlan):
            return plan
        refusal = plan
    return replace(portable.PLANNERS[type(layer)](layer, place), refusal=refusal)
