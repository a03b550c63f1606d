"""QuantGraph -> Program: the operators of one call."""

from __future__ import annotations

from typing import Literal

from edgeseq.errors import TargetError
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.lowerings import lower_chain
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.export.operators.types import Operator, Port, Program, Tensor
from edgeseq.quantize.types import (
    MAX_WINDOW_STEPS,
    QuantDense,
    QuantDepthwise,
    QuantElementwise,
    QuantGraph,
    QuantLastStep,
    QuantLayer,
    QuantNormalize,
    QuantWiden,
)

# step: one time step, states in and out; unrolled: several of them; window: several from zero states.
Form = Literal["step", "unrolled", "window"]
# Layers that look at one time step alone: of a window's last step, only that one is computed.
_SINGLE = (QuantDense, QuantDepthwise, QuantElementwise, QuantNormalize, QuantWiden)


def lower(graph: QuantGraph, form: Form = "step", steps: int | None = None) -> Program:
    """Return the operators of one call of a model.

    steps: time steps of one call; of a window by default those that the model was built with. Raises TargetError for
    a form that the model does not have.
    """
    count = _count(graph, form, steps)
    build = Builder(from_zero=form == "window")
    entry = graph.input
    shape = (1, entry.size) if form == "step" else (1, count, entry.size)
    x = Tensor(shape, entry.dtype, entry.scale, entry.zero_point)
    whole = build.reshape(x, (count, entry.size))
    layers = list(graph.layers)
    if form == "window" and not graph.source.returns_sequence:
        layers.append(QuantLastStep("last", graph.output_size, graph.output_scale))
    result = lower_chain(build, _last_step_early(layers), Steps(build, whole=whole), codes=True).whole
    y = build.reshape(result, (1, result.units) if result.shape[0] == 1 and form != "unrolled" else (1, *result.shape))
    operators = _needed(build.operators, [y, *(state.after for state in build.states)])
    return Program(Port("x", x), Port("y", y), tuple(build.states), operators, count)


def _count(graph: QuantGraph, form: Form, steps: int | None) -> int:
    """Check the form against the model and return the time steps of one call."""
    if graph.window_reason is not None and form != "window":
        raise TargetError(
            f"model {graph.name!r} has no form {form!r}: {graph.window_reason}. Export it as a window (--form window)"
        )
    if form == "step":
        if steps not in (None, 1):
            raise TargetError(f"the form 'step' is one time step; got {steps} steps. Use --form unrolled, or leave out --steps")
        return 1
    count = steps or graph.window_steps or (graph.source.time_steps if form == "window" else None)
    if count is None:
        raise TargetError(f"the form {form!r} needs the number of time steps of one call: give --steps")
    if graph.window_steps not in (None, count):
        raise TargetError(f"model {graph.name!r} maps windows of {graph.window_steps} steps, not {count}; leave out --steps")
    if not 1 <= count <= MAX_WINDOW_STEPS:
        raise TargetError(f"{count} steps; expected 1 to {MAX_WINDOW_STEPS}")
    return count


def _last_step_early(layers: list[QuantLayer]) -> list[QuantLayer]:
    """Move each choice of the last step before the layers that look at single steps."""
    ordered: list[QuantLayer] = []
    for layer in layers:
        at = len(ordered)
        if isinstance(layer, QuantLastStep):
            while at and isinstance(ordered[at - 1], _SINGLE):
                at -= 1
        ordered.insert(at, layer)
    return ordered


def _needed(operators: list[Operator], results: list[Tensor]) -> tuple[Operator, ...]:
    """The operators that the results depend on."""
    wanted = set(map(id, results))
    kept = []
    for operator in reversed(operators):
        if any(id(output) in wanted for output in operator.outputs):
            wanted.update(map(id, operator.inputs))
            kept.append(operator)
    return tuple(reversed(kept))
