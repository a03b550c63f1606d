"""A model that needs whole windows: loops over the window's time steps instead of one step function.

Layers that run step by step share one loop; where the direction turns, or a layer needs all steps, the
results of a loop are kept for the next, as rows of int16 in one array. What lives at different times
shares that array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from edgeseq.export.c.layer_plan import LayerPlan, Source
from edgeseq.export.c.plan import plan_step
from edgeseq.export.c.portable.attention import plan_attention
from edgeseq.graph import MergeMode
from edgeseq.quantize.types import (
    Operand,
    QuantAttention,
    QuantBidirectional,
    QuantGraph,
    QuantLastStep,
    QuantLayer,
    QuantResidual,
    QuantReverse,
)

# How the second half meets the first one's row in place: kernel of each merge mode.
_MERGES: dict[MergeMode, str] = {"sum": "es_add_halves_s16", "ave": "es_add_halves_s16", "mul": "es_multiply_s16"}


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """layers: plans in the order of the carried state; functions: one time step of each loop; body: of run_window.

    kept: int16 values of the rows between loops; output_steps: rows of y; kernels: files of what joins rows.
    """

    layers: tuple[LayerPlan, ...]
    functions: str
    body: str
    kept: int
    output_steps: int
    kernels: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Rows:
    """A tensor of the window: rows of `size` values. number: of its buffer, None for x and y.

    stride: from row to row; flipped: the last row comes first; merge: the kernel that joins what is written
    with what lies there, or None.
    """

    expression: str
    size: int
    stride: int
    steps: int
    number: int | None = None
    flipped: bool = False
    input_dtype: Operand | None = None
    zero_point: int = 0
    merge: str | None = None

    def row(self, guard: str) -> str:
        """C expression of the row of time step t."""
        if self.steps == 1:
            return self.expression
        index = f"({guard}_WINDOW_STEPS - 1 - t)" if self.flipped else "t"
        return f"{self.expression} + {index} * {self.stride}"

    def reversed(self) -> _Rows:
        """The last row first."""
        return replace(self, flipped=not self.flipped)

    def last(self) -> _Rows:
        """The last row alone."""
        at = 0 if self.flipped else self.steps - 1
        return replace(self, expression=f"{self.expression} + {at * self.stride}" if at else self.expression, steps=1)


@dataclass(slots=True)
class _Buffer:
    """Rows between loops. born, used: first and last loop that touches them."""

    values: int
    born: int
    used: int


def plan_window(graph: QuantGraph, prefix: str, kernel_set: str) -> WindowPlan:
    """Plan a model that maps windows of graph.window_steps steps."""
    steps = graph.window_steps
    assert steps is not None  # the caller asked
    planner = _Planner(graph, prefix, kernel_set)
    entry = graph.input
    x = _Rows("x", entry.size, entry.size, steps, input_dtype=entry.dtype, zero_point=entry.zero_point)
    rows = _steps_behind(graph.layers, steps)
    layers = graph.layers
    if rows > 1 and not graph.source.returns_sequence:
        layers, rows = (*layers, QuantLastStep("last", graph.output_size, graph.output_scale)), 1
    planner.chain(layers, x, _Rows("y", graph.output_size, graph.output_size, rows))
    offsets, kept = planner.place()
    functions, body = offsets + "\n".join(planner.functions), "\n".join(planner.body)
    return WindowPlan(tuple(planner.plans), functions, body, kept, rows, frozenset(planner.kernels))


def _steps_behind(layers: Sequence[QuantLayer], steps: int) -> int:
    for layer in layers:
        if isinstance(layer, QuantLastStep):
            steps = 1
        elif layer.chains:
            steps = _steps_behind(layer.chains[0], steps)
    return steps


class _Planner:
    """Walks chains and collects what they need."""

    def __init__(self, graph: QuantGraph, prefix: str, kernel_set: str) -> None:
        self.prefix, self.guard, self.kernel_set = prefix, prefix.upper(), kernel_set
        self.input_type = f"{graph.input.dtype}_t"
        self.plans: list[LayerPlan] = []
        self.functions: list[str] = []
        self.body: list[str] = []
        self.buffers: list[_Buffer] = []
        self.kernels: set[str] = set()

    def chain(self, layers: Sequence[QuantLayer], source: _Rows, target: _Rows) -> None:
        """Run layers one behind another from one tensor into another of the right size."""
        left = list(layers)
        while True:
            while left and left[0].rearranges:
                source = source.last() if isinstance(left.pop(0), QuantLastStep) else source.reversed()
            if not left:
                if source != target:
                    self._loop([], source, target)
                return
            piece = _piece(left)
            tail = _tail(left[len(piece) :])
            left = left[len(piece) + len(tail) :]
            done = target if not left else self._new(piece[-1].units, _steps_behind([*piece, *tail], source.steps))
            if isinstance(piece[0], QuantBidirectional):
                self._bidirectional(piece[0], tail, source, done)
            elif isinstance(piece[0], QuantAttention):
                self._attention(piece[0], tail, source, done)
            elif isinstance(piece[0], QuantResidual) and piece[0].window_reason is not None:
                self._residual(piece[0], tail, source, done)
            else:
                self._loop(piece, source, _towards(done, tail))
            source = done

    def place(self) -> tuple[str, int]:
        """Give every buffer its place in the array: first fit among those that live at the same time."""
        placed: list[tuple[int, _Buffer]] = []
        for buffer in self.buffers:
            others = sorted(
                (at, at + other.values) for at, other in placed if other.born <= buffer.used and buffer.born <= other.used
            )
            start = 0
            for begin, end in others:
                if start + buffer.values <= begin:
                    break
                start = max(start, end)
            placed.append((start, buffer))
        if not placed:
            return "", 0
        names = ", ".join(f"{self.prefix}_rows{number} = {at}" for number, (at, _) in enumerate(placed))
        return f"/* Where the results between loops lie. */\nenum {{ {names} }};\n\n", max(at + b.values for at, b in placed)

    def _new(self, size: int, steps: int) -> _Rows:
        number = len(self.buffers)
        self.buffers.append(_Buffer(size * steps, len(self.body), len(self.body)))
        return _Rows(f"state->scratch.kept + {self.prefix}_rows{number}", size, size, steps, number)

    def _bidirectional(self, layer: QuantBidirectional, tail: Sequence[QuantLayer], source: _Rows, target: _Rows) -> None:
        """Both halves from the same rows into the same rows: side by side, or the second onto the first."""
        first, second = layer.forward[-1].units, layer.backward[-1].units
        if layer.merge == "concat":
            self.chain([*layer.forward, *tail], source, replace(target, size=first))
            beside = replace(target, expression=f"{target.expression} + {first}", size=second)
            self.chain([*layer.backward, *tail], source, beside)
            return
        # What is to be merged itself is made apart first.
        made = self._new(first, target.steps) if target.merge is not None else target
        self.chain([*layer.forward, *tail], source, made)
        self.chain([*layer.backward, *tail], source, replace(made, merge=_MERGES[layer.merge]))
        if made is not target:
            self._loop([], made, target)

    def _attention(self, layer: QuantAttention, tail: Sequence[QuantLayer], source: _Rows, target: _Rows) -> None:
        """Rows of queries, keys and values; all pairs of them in one call; the output projection."""
        parts = layer.projections[:3]
        rows = self._new(sum(part.units for part in parts), source.steps)
        at = 0
        for part in parts:
            self.chain([part], source, replace(rows, expression=f"{rows.expression} + {at}", size=part.units))
            at += part.units
        context = self._new(layer.value.units, source.steps)
        plan = plan_attention(layer, f"l{len(self.plans)}", self.prefix, source.steps, (rows.expression, context.expression))
        self.plans.append(plan)
        self._emit(list(plan.calls), rows, context, once=True)
        self.chain([layer.output, *tail], context, target)

    def _residual(self, layer: QuantResidual, tail: Sequence[QuantLayer], source: _Rows, target: _Rows) -> None:
        """Both sides from the same rows, then their sum; an empty side is those rows."""
        sides = []
        for chain in layer.chains:
            side = self._new(layer.units, _steps_behind(chain, source.steps)) if chain else source
            if chain:
                self.chain(chain, source, side)
            sides.append(side.last() if any(isinstance(part, QuantLastStep) for part in tail) else side)
        body, shortcut = (side.row(self.guard) for side in sides)
        made = self._new(layer.units, target.steps) if target.merge is not None else _towards(target, tail)
        operands = f"{body}, {layer.body_shift}, {shortcut}, {layer.shortcut_shift}"
        self._emit([f"es_residual_s16({operands}, {layer.units}, {made.row(self.guard)});"], *sides, made)
        self.kernels.add("es_residual_s16.c")
        if target.merge is not None:
            self._loop([], made, _towards(target, tail))

    def _loop(self, layers: Sequence[QuantLayer], source: _Rows, target: _Rows) -> None:
        """One loop over the window's steps for layers that run step by step; without layers, a copy."""
        x, y = source.row(self.guard), target.row(self.guard)
        if target.merge is not None:
            self.kernels |= {"es_window.h", f"{target.merge}.c"}
        if not layers:
            copy = f"memcpy({y}, {x}, {source.size} * sizeof(int16_t));"
            self._emit([copy if target.merge is None else f"{target.merge}({x}, {source.size}, {y});"], source, target)
            return
        if target.merge is not None:
            held = self._new(target.size, 1)
            joined = f"{target.merge}({held.expression}, {target.size}, {y});"
            self._emit([self._step(layers, source, held), *([joined] if target.steps > 1 else [])], source, held, target)
            if target.steps == 1:
                # Of a loop that keeps its last step alone, the last alone is merged.
                self._emit([joined], held, target)
            return
        self._emit([self._step(layers, source, target)], source, target)

    def _step(self, layers: Sequence[QuantLayer], source: _Rows, target: _Rows) -> str:
        """Define the function of one time step of a loop; return its call."""
        x, y = source.row(self.guard), target.row(self.guard)
        here = Source("x", source.size, source.input_dtype, source.zero_point)
        plans = plan_step(layers, self.prefix, self.kernel_set, here, first=len(self.plans))
        self.plans += plans
        name = f"{self.prefix}_loop{len(self.functions)}"
        calls = [call for plan in plans for call in plan.calls]
        unused = [] if any("state->" in call for call in calls) else ["(void)state;"]
        lines = "\n".join(f"    {line}" for line in (*unused, *calls))
        kind = self.input_type if source.input_dtype is not None else "int16_t"
        what = ", ".join(layer.name for layer in layers).replace("*/", "* /")
        self.functions.append(
            f"/* One time step of {what}. */\n"
            f"static void {name}({self.prefix}_state *state, const {kind} *x, int16_t *y)\n{{\n{lines}\n}}\n"
        )
        return f"{name}(state, {x}, {y});"

    def _emit(self, calls: list[str], *tensors: _Rows, once: bool = False) -> None:
        """Calls for every time step, or for the one there is; once: for all of them together."""
        for tensor in tensors:
            if tensor.number is not None:
                self.buffers[tensor.number].used = len(self.body)
        if once or max(tensor.steps for tensor in tensors) == 1:
            self.body.append("\n".join(f"    {call}" for call in calls))
            return
        lines = "\n".join(f"        {call}" for call in calls)
        self.body.append(f"    for (size_t t = 0; t < {self.guard}_WINDOW_STEPS; ++t) {{\n{lines}\n    }}")


def _piece(layers: Sequence[QuantLayer]) -> list[QuantLayer]:
    """The layers that one loop runs, or the one layer that needs more."""
    if layers[0].window_reason is not None:
        return [layers[0]]
    _, run = next(groupby(layers, key=lambda layer: layer.window_reason is None))
    return list(run)


def _tail(layers: Sequence[QuantLayer]) -> list[QuantLayer]:
    """The rearrangements that the layers before can make as they write: all but the last step of what is flipped."""
    tail: list[QuantLayer] = []
    for layer in layers:
        flipped = any(isinstance(x, QuantReverse) for x in tail)
        if not layer.rearranges or (flipped and isinstance(layer, QuantLastStep)):
            break
        tail.append(layer)
    return tail


def _towards(target: _Rows, tail: Sequence[QuantLayer]) -> _Rows:
    """Where each step is written so that the rows lie as the tail leaves them."""
    turns = sum(isinstance(layer, QuantReverse) for layer in tail)
    return target.reversed() if turns % 2 and target.steps > 1 else target
