"""Operators that take part of the data: a time step, a direction, half of the features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeseq.frontend.onnx.gathered import Gathered
from edgeseq.frontend.onnx.layout import axis_of
from edgeseq.frontend.onnx.node import Node
from edgeseq.frontend.onnx.ops.fold import ranges
from edgeseq.frontend.onnx.ops.halves import first_computed, joined
from edgeseq.frontend.onnx.values import Axis, Constant, Flow, Part, RefusedError, Stack, State, Value, axis_size, holds
from edgeseq.frontend.source import SourceLayer


def gather(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """One time step or direction, or a row of an embedding's table for every token id."""
    if isinstance(node.inputs[0], Constant):
        return embedding(gathered, node)
    value = node.inputs[0]
    indices = node.constant(1)
    if indices.size != 1:
        raise RefusedError(f"picks {indices.size} entries of an axis; only one time step or direction can be picked")
    index = int(indices.reshape(-1)[0])
    if isinstance(value, Stack):
        axis = axis_of(node.integer("axis", 0), max(1, _rank(value)))
        return (_unstacked(value, axis, index, keep=indices.ndim > 0),)
    flow = node.flow()
    axis = axis_of(node.integer("axis", 0), len(flow.axes))
    found = _range(gathered, flow, axis, index, index + 1)
    if indices.ndim == 0:
        found = replace(found, axes=(*found.axes[:axis], *found.axes[axis + 1 :]))
    return (found,)


def slice_(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """A range of each axis."""
    value = node.inputs[0]
    if isinstance(value, Stack):
        for axis, start, end, step in ranges(node, _rank(value)):
            if step != 1 or axis != value.axis:
                raise RefusedError("cuts stacked states otherwise than layer by layer")
            picked = range(len(value.parts))[start:end]
            if len(picked) == 1:
                return (_unstacked(value, axis, picked[0], keep=True),)
            value = Stack(tuple(value.parts[at] for at in picked), axis)
        return (value,)
    flow = node.flow()
    for axis, start, end, step in ranges(node, len(flow.axes)):
        size = axis_size(flow.axes[axis])
        if step == -1 and holds(flow.axes[axis], "time") and start in (-1, size - 1) and end < -size:
            turned = gathered.add(SourceLayer(node.name, "Reverse", {}), (gathered.source(flow),))
            flow = Flow(turned, flow.axes)
            continue
        if step != 1:
            raise RefusedError(f"takes every {step}. entry of an axis; a stream gives one output a step. Cut the data instead")
        begin, stop, _ = slice(start, end).indices(size)
        flow = _range(gathered, flow, axis, begin, stop)
    return (flow,)


def split(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Both directions, or both halves of the features."""
    flow = node.flow()
    axis = axis_of(node.integer("axis", 0), len(flow.axes))
    size = axis_size(flow.axes[axis])
    lengths = node.numbers("split", 1) or [size // node.outputs] * node.outputs
    if sum(lengths) != size or len(lengths) != node.outputs:
        raise RefusedError(f"splits {size} values into {lengths}")
    starts = [sum(lengths[:at]) for at in range(len(lengths))]
    return tuple(_range(gathered, flow, axis, start, start + length) for start, length in zip(starts, lengths, strict=True))


def _range(gathered: Gathered, flow: Flow, axis: int, start: int, end: int) -> Flow:
    """Entries start to end of one axis, which stays."""
    size, parts = axis_size(flow.axes[axis]), flow.axes[axis]
    if not -size <= start < size:
        raise RefusedError(f"picks entry {start} of an axis of {size}")
    start, end = (start % size, start % size + end - start) if start < 0 else (start, min(end, size))
    if flow.trailing and holds(parts, "time") and (start, end) == (0, size - flow.trailing):
        return replace(_with_axis(flow, axis, _resized(parts, end)), trailing=0)
    if (start, end) == (0, size):
        return flow
    if holds(parts, "direction"):
        half = gathered.halves[flow.layer][start]
        return Flow(half.layer, _with_axis(flow, axis, ()).axes, half.last or flow.last)
    if holds(parts, "time") and not flow.trailing:
        return _time_step(gathered, flow, axis, start, end)
    pair = gathered.halves_of.get(flow.layer)
    if holds(parts, "feature") and pair is not None:
        units = axis_size(pair[0].axes[-1])
        if (start, end) in ((0, units), (units, size)):
            half = pair[0 if start == 0 else 1]
            return Flow(half.layer, _with_axis(flow, axis, half.axes[-1]).axes, half.last or flow.last)
    roles = " and ".join(part.role for part in parts) or "an axis of size 1"
    raise RefusedError(
        f"takes entries {start} to {end} of {size} along {roles}; only the last time step or a direction can be taken"
    )


def _time_step(gathered: Gathered, flow: Flow, axis: int, start: int, end: int) -> Flow:
    size = axis_size(flow.axes[axis])
    without = _with_axis(flow, axis, ())
    if (start, end) == (size - 1, size):
        if flow.layer in gathered.halves:
            first, second = gathered.halves[flow.layer]
            name = f"{flow.layer}/at_end"
            gathered.halves[name] = (replace(first, last=True), replace(second, last=True))
            return replace(without, layer=name)
        return replace(without, last=True)
    if (start, end) == (0, 1):
        own = first_computed(gathered, flow)
        if own is not None:
            return replace(without, layer=own.layer, last=True)
        for pairs in (gathered.halves, gathered.halves_of):
            ended = first_computed(gathered, pairs[flow.layer][1]) if flow.layer in pairs else None
            if ended is not None:
                # The backward half ends here; of the forward one nothing can be made.
                name = f"{flow.layer}/first"
                pairs[name] = (replace(pairs[flow.layer][0], layer=f"{name}/forward"), ended)
                return replace(without, layer=name)
    raise RefusedError(
        f"takes time steps {start} to {end} of {size}; a stream has the present step alone, which is a window's last one. "
        "Take [:, -1], or all of them; a loop over time that was written out step by step (torch.nn.RNN with dynamo=True) is "
        "exported as one node with dynamo=False"
    )


def _with_axis(flow: Flow, at: int, axis: Axis) -> Flow:
    return replace(flow, axes=(*flow.axes[:at], axis, *flow.axes[at + 1 :]))


def _resized(axis: Axis, size: int) -> Axis:
    return tuple(replace(part, size=size) if part.role == "time" else part for part in axis)


def concat(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Both directions along their features, or final states side by side."""
    values = node.inputs
    if any(isinstance(value, State | Constant) for value in values) and all(isinstance(v, State | Constant) for v in values):
        states = [value for value in values if isinstance(value, State)]
        return (states[0],)
    if all(isinstance(value, Flow | State) for value in values):
        first = values[0]
        rank = len(first.axes) if isinstance(first, Flow) else 3
        axis = axis_of(node.integer("axis", 0), rank)
        flows = [value for value in values if isinstance(value, Flow)]
        if len(flows) == len(values) == 2 and holds(flows[0].axes[axis], "feature"):
            whole = joined(gathered, flows[0], flows[1], "concat")
            units = sum(axis_size(flow.axes[axis]) for flow in flows)
            return (replace(_with_axis(whole, axis, (Part("feature", units),)), last=whole.last),)
        parts: list[Flow | State] = []
        for value in values:
            if isinstance(value, Flow) and holds(value.axes[axis], "direction"):
                parts += [_range(gathered, value, axis, at, at + 1) for at in range(2)]
            elif isinstance(value, State) or (isinstance(value, Flow) and axis_size(value.axes[axis]) == 1):
                parts.append(value)
            else:
                raise RefusedError(
                    f"joins {len(values)} tensors; only the two directions of one recurrent layer, or final states, can be joined"
                )
        return (Stack(tuple(parts), axis),)
    raise RefusedError("joins data with constants; every feature must come from the layer before")


def _rank(stack: Stack) -> int:
    first = next((part for part in stack.parts if isinstance(part, Flow)), None)
    return len(first.axes) if first is not None else 3


def _unstacked(stack: Stack, axis: int, index: int, *, keep: bool) -> Flow | State:
    if axis != stack.axis or not -len(stack.parts) <= index < len(stack.parts):
        raise RefusedError("cuts stacked states otherwise than layer by layer")
    part = stack.parts[index]
    if isinstance(part, State) or keep:
        return part
    return replace(part, axes=(*part.axes[:axis], *part.axes[axis + 1 :]))


def reverse_sequence(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Whole windows, the last step first."""
    flow = node.flow()
    time = axis_of(node.integer("time_axis", 0), len(flow.axes))
    if not holds(flow.axes[time], "time") or (node.constant(1) != axis_size(flow.axes[time])).any():
        raise RefusedError("reverses something else than whole windows over time")
    return (Flow(gathered.add(SourceLayer(node.name, "Reverse", {}), (gathered.source(flow),)), flow.axes),)


def embedding(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """A table's row for every token id."""
    table, flow = node.weights(0), node.flow(1)
    if node.integer("axis", 0) != 0 or table.ndim != 2 or any(holds(axis, "feature") for axis in flow.axes):
        raise RefusedError(f"looks up a table {table.shape}; expected (ids, units), read by one token id a step")
    layer = SourceLayer(node.name, "Embedding", {}, (np.asarray(table),))
    name = gathered.add(layer, (gathered.source(flow),))
    return (Flow(name, (*flow.axes, (Part("feature", table.shape[1]),))),)
