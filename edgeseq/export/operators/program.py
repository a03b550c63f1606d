"""QuantGraph -> Program: the operators of one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from edgeseq.errors import TargetError
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.float_lowerings import FLOAT_SINGLE, lower_float_chain, normalized_input
from edgeseq.export.operators.lowerings import lower_chain
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.export.operators.types import Operator, Port, Program, Tensor
from edgeseq.graph import Graph, LastStep
from edgeseq.quantize.types import (
    MAX_WINDOW_STEPS,
    QuantDense,
    QuantDepthwise,
    QuantElementwise,
    QuantGraph,
    QuantLastStep,
    QuantNormalize,
    QuantWiden,
)

L = TypeVar("L")

# step: one time step, states in and out; unrolled: several of them; window: several from zero states.
Form = Literal["step", "unrolled", "window"]
# Layers that look at one time step alone: of a window's last step, only that one is computed.
_SINGLE = (QuantDense, QuantDepthwise, QuantElementwise, QuantNormalize, QuantWiden)


def lower(graph: QuantGraph, form: Form = "step", steps: int | None = None, builder: type[Builder] = Builder) -> Program:
    """Return the operators of one call of a model.

    steps: time steps of one call; of a window by default those that the model was built with. builder: whose methods the
    lowerings call. Raises TargetError for
    a form that the model does not have.
    """
    count = _count(graph.source, form, steps)
    entry = graph.input
    x = Tensor(_shape(form, count, entry.size), entry.dtype, entry.scale, entry.zero_point)
    layers = list(graph.layers)
    if form == "window" and not graph.source.returns_sequence:
        layers.append(QuantLastStep("last", graph.output_size, graph.output_scale))
    ordered = _last_step_early(layers, _SINGLE, QuantLastStep)
    return _program(form, count, x, lambda build, rows: lower_chain(build, ordered, rows, codes=True), builder)


def lower_float(graph: Graph, form: Form = "step", steps: int | None = None) -> Program:
    """Return the same of the float model: float32, x in raw units, a softmax at the end included.

    Raises TargetError for a layer that has no operators of floats.
    """
    count = _count(graph, form, steps)
    x = Tensor(_shape(form, count, graph.input_size), "float32")
    layers = list(graph.layers)
    if form == "window" and not graph.returns_sequence:
        layers.append(LastStep("last"))
    ordered = _last_step_early(layers, FLOAT_SINGLE, LastStep)

    def run(build: Builder, rows: Steps) -> Steps:
        return lower_float_chain(build, ordered, rows.apply(lambda value: normalized_input(build, graph, value)))

    return _program(form, count, x, run)


def _shape(form: Form, count: int, size: int) -> tuple[int, ...]:
    return (1, size) if form == "step" else (1, count, size)


def _program(
    form: Form, count: int, x: Tensor, run: Callable[[Builder, Steps], Steps], builder: type[Builder] = Builder
) -> Program:
    """The operators of what `run` makes of the time steps of x."""
    build = builder(from_zero=form == "window")
    result = run(build, Steps(build, whole=build.reshape(x, (count, x.units)))).whole
    y = build.reshape(result, (1, result.units) if result.shape[0] == 1 and form != "unrolled" else (1, *result.shape))
    operators = _needed(build.operators, [y, *(state.after for state in build.states)])
    return Program(Port("x", x), Port("y", y), tuple(build.states), operators, count)


def _count(graph: Graph, form: Form, steps: int | None) -> int:
    """Check the form against the model and return the time steps of one call."""
    if graph.window_reason is not None and form != "window":
        raise TargetError(
            f"model {graph.name!r} has no form {form!r}: {graph.window_reason}. Export it as a window (--form window)"
        )
    if form == "step":
        if steps not in (None, 1):
            raise TargetError(f"the form 'step' is one time step; got {steps} steps. Use --form unrolled, or leave out --steps")
        return 1
    count = steps or (graph.time_steps if form == "window" else None)
    if count is None:
        raise TargetError(f"the form {form!r} needs the number of time steps of one call: give --steps")
    if graph.window_reason is not None and graph.time_steps not in (None, count):
        raise TargetError(f"model {graph.name!r} maps windows of {graph.time_steps} steps, not {count}; leave out --steps")
    if not 1 <= count <= MAX_WINDOW_STEPS:
        raise TargetError(f"{count} steps; expected 1 to {MAX_WINDOW_STEPS}")
    return count


def _last_step_early(layers: list[L], single: tuple[type[L], ...], last_step: type[L]) -> list[L]:
    """Move each choice of the last step before the layers that look at single steps."""
    ordered: list[L] = []
    for layer in layers:
        at = len(ordered)
        if isinstance(layer, last_step):
            while at and isinstance(ordered[at - 1], single):
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
