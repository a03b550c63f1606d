"""QuantGraph -> one plan per layer: which kernels, which data, which call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgeseq.export.c import fast, portable
from edgeseq.export.c.isa import FAMILIES
from edgeseq.export.c.layer_plan import LayerPlan, Place, Source
from edgeseq.quantize.types import QuantGraph, QuantLayer, QuantResidual


def plan_layers(graph: QuantGraph, prefix: str, kernel_set: str) -> tuple[LayerPlan, ...]:
    """Plan all layers; the last one's result is copied to or written into y.

    kernel_set: "portable", or a family of fast kernels, which leaves what it cannot run to the portable ones.
    """
    source = Source("x", graph.input_size, graph.input.dtype, graph.input.zero_point)
    plans, _ = _plan_chain(graph.layers, source, "l", prefix, kernel_set, last=True)
    return tuple(plans)


def _plan_chain(
    layers: Sequence[QuantLayer], source: Source, label: str, prefix: str, kernel_set: str, *, last: bool
) -> tuple[list[LayerPlan], Source]:
    """Plan a chain that reads source, and say where its result lies. last: the model ends with it."""
    plans: list[LayerPlan] = []
    for index, layer in enumerate(layers):
        place = Place(f"{label}{index}", prefix, source, last=last and index == len(layers) - 1)
        if isinstance(layer, QuantResidual):
            # Both sides read the same tensor, which therefore must outlive the first.
            body, body_source = _plan_chain(layer.body, source, f"{place.label}b", prefix, kernel_set, last=False)
            side, side_source = _plan_chain(layer.shortcut, source, f"{place.label}s", prefix, kernel_set, last=False)
            plans += [*body, *side, portable.plan_sum(layer, place, body_source, side_source)]
        else:
            plans.append(_plan(layer, place, kernel_set))
        source = Source(plans[-1].output, layer.units)
    return plans, source


def _plan(layer: QuantLayer, place: Place, kernel_set: str) -> LayerPlan:
    isa, planner = FAMILIES.get(kernel_set), fast.PLANNERS.get(type(layer))
    refusal = None
    if isa is not None and planner is not None:
        plan = planner(layer, place, isa)
        if isinstance(plan, LayerPlan):
            return plan
        refusal = plan
    return replace(portable.PLANNERS[type(layer)](layer, place), refusal=refusal)
