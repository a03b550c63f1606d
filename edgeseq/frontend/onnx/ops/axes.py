"""Operators that change how data lies, and nothing of it."""

from __future__ import annotations

from dataclasses import replace

from edgeseq.frontend.onnx.gathered import Gathered
from edgeseq.frontend.onnx.layout import axis_of, reshaped
from edgeseq.frontend.onnx.node import Node
from edgeseq.frontend.onnx.ops.fold import Handler
from edgeseq.frontend.onnx.ops.halves import joined
from edgeseq.frontend.onnx.values import Axis, Flow, RefusedError, Stack, State, Value, axis_size


def through_states(handler: Handler) -> Handler:
    """A state that enters or leaves stays one, however it lies."""

    def handle(gathered: Gathered, node: Node) -> tuple[Value, ...]:
        value = node.inputs[0]
        if isinstance(value, State):
            return tuple(value for _ in range(node.outputs))
        return handler(gathered, node)

    return handle


def identity(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Also of dropout, whose mask nothing reads."""
    value = node.inputs[0]
    return (value,) if isinstance(value, Stack) else (node.flow(),)


def cast(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Between floating-point types, or of token ids."""
    flow, to = node.flow(), node.integer("to", 0)
    if to not in (1, 10, 11) and gathered.class_of(flow.layer) != "InputLayer":
        raise RefusedError(f"casts data to type {to}; only floating point is supported between layers")
    return (flow,)


def transpose(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """The axes in another order."""
    flow = node.flow()
    perm = node.numbers("perm") or list(reversed(range(len(flow.axes))))
    if sorted(perm) != list(range(len(flow.axes))):
        raise RefusedError(f"transposes {len(flow.axes)} axes by {perm}")
    return (replace(flow, axes=tuple(flow.axes[at] for at in perm)),)


def squeeze(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Without axes of size 1; parts of that size move to a neighbour."""
    flow = node.flow()
    axes = node.numbers("axes", 1)
    rank = len(flow.axes)
    if axes is None:
        axes = [at for at, axis in enumerate(flow.axes) if axis_size(axis) == 1]
    gone = {axis_of(axis, rank) for axis in axes}
    if any(axis_size(flow.axes[at]) != 1 for at in gone):
        raise RefusedError(f"squeezes axes {sorted(gone)} of the shape {flow.shape}, which are not of size 1")
    kept = [axis for at, axis in enumerate(flow.axes) if at not in gone]
    loose = tuple(part for at in sorted(gone) for part in flow.axes[at])
    if kept:
        kept[0] = (*loose, *kept[0])
    return (replace(flow, axes=tuple(kept)),)


def unsqueeze(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """With new axes of size 1."""
    flow, axes = node.flow(), node.numbers("axes", 1) or []
    rank = len(flow.axes) + len(axes)
    new = {axis_of(axis, rank) for axis in axes}
    old = iter(flow.axes)
    return (replace(flow, axes=tuple(() if at in new else next(old) for at in range(rank))),)


def reshape(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Axes joined, or taken apart where they were joined."""
    flow = node.flow()
    target = node.numbers("shape", 1)
    if target is None:
        raise RefusedError("reshapes to nothing")
    axes = reshaped(flow.axes, tuple(target), keeps_zero=bool(node.integer("allowzero", 0)))
    return (merged(gathered, flow, axes),)


def flatten(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """All axes before `axis` in one, the rest in another."""
    flow = node.flow()
    at = axis_of(node.integer("axis", 1), len(flow.axes) + 1)
    before, behind = flow.axes[:at], flow.axes[at:]
    axes = tuple(tuple(part for axis in group for part in axis) for group in (before, behind))
    return (merged(gathered, flow, axes),)


def merged(gathered: Gathered, flow: Flow, axes: tuple[Axis, ...]) -> Flow:
    """The flow with new axes; directions beside features are the concatenation of both."""
    for at, axis in enumerate(axes):
        roles = [part.role for part in axis if part.size > 1]
        if "feature" in roles and "time" in roles:
            raise RefusedError(
                "flattens time steps and features together, which needs all time steps at once; take the last step, or pool "
                "over time"
            )
        if "direction" in roles and len(roles) > 1:
            if roles != ["direction", "feature"]:
                raise RefusedError(f"joins axes of {', '.join(roles)}; of two directions only the features may be joined")
            first, second = gathered.halves[flow.layer]
            whole = joined(gathered, first, second, "concat")
            units = sum(part.size for half in (first, second) for part in half.axes[-1])
            rest = tuple(part for part in axis if part.role not in ("direction", "feature"))
            feature = next(part for part in axis if part.role == "feature")
            new = (*rest, replace(feature, size=units))
            return Flow(whole.layer, (*axes[:at], new, *axes[at + 1 :]), whole.last or flow.last)
    return replace(flow, axes=axes)


def expand(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Only to its own shape."""
    flow, target = node.flow(), node.few(1)
    own = flow.shape
    behind = own[len(own) - len(target) :] if len(target) <= len(own) else ()
    if not behind or any(size not in (1, mine) for size, mine in zip(target, behind, strict=True)):
        raise RefusedError(f"repeats data of shape {own} to {target}; every time step has values of its own in a stream")
    return (flow,)
