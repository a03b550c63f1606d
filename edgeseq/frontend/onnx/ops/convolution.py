"""Convolutions over time, padding and pooling over time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edgeseq.frontend.onnx.gathered import Gathered
from edgeseq.frontend.onnx.layout import axis_of
from edgeseq.frontend.onnx.node import Node
from edgeseq.frontend.onnx.ops.fold import Handler
from edgeseq.frontend.onnx.ops.halves import joined
from edgeseq.frontend.onnx.values import Axis, Flow, Part, RefusedError, Value, WrongLayoutError, axis_size, holds
from edgeseq.frontend.source import SourceLayer

_CAUSAL = "pad with zeros in front alone, by (kernel_size - 1) * dilation (torch.nn.functional.pad), and train again"


def conv(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """A causal convolution of (batch, features, time)."""
    flow, kernel = node.flow(), node.weights(1)
    if kernel.ndim != 3 or len(flow.axes) != 3:
        raise RefusedError(
            f"a convolution with a kernel of shape {kernel.shape}; only those over time alone (Conv1d) are supported"
        )
    if not (holds(flow.axes[1], "feature") and holds(flow.axes[2], "time")):
        if gathered.class_of(flow.layer) == "InputLayer":
            raise WrongLayoutError(f"node {node.name!r} (Conv) reads its input otherwise than (batch, features, time)")
        raise RefusedError("convolves along another axis than time")
    features, taps = axis_size(flow.axes[1]), kernel.shape[2]
    groups, dilation = node.integer("group", 1), (node.numbers("dilations") or [1])[0]
    before, behind = node.numbers("pads") or [0, 0]
    history = (taps - 1) * dilation
    automatic = node.text("auto_pad", "NOTSET")
    if automatic not in ("NOTSET", "VALID") or (before and before != history):
        raise RefusedError(f"pads {automatic if automatic != 'NOTSET' else (before, behind)}; {_CAUSAL}")
    if behind not in (0, before):
        raise RefusedError(f"pads {before} steps in front and {behind} behind; {_CAUSAL}")
    config: dict[str, Any] = {
        "kernel_size": taps,
        "dilation_rate": dilation,
        "strides": (node.numbers("strides") or [1])[0],
        "padding": "causal" if before else "valid",
        "use_bias": node.has(2),
    }
    if groups == features and kernel.shape[1] == 1 and groups > 1:
        # ONNX' output channel is channel * multiplier + j, as Keras' is.
        arranged = kernel[:, 0].reshape(features, -1, taps).transpose(2, 0, 1)
        kind = "DepthwiseConv1D"
    else:
        arranged, kind = kernel.transpose(2, 1, 0), "Conv1D"
        config["groups"] = groups
    weights = (arranged, node.weights(2)) if node.has(2) else (arranged,)
    name = gathered.add(SourceLayer(node.name, kind, config, weights), (gathered.source(flow),))
    steps = axis_size(flow.axes[2]) + before + behind - history
    return (Flow(name, (flow.axes[0], (Part("feature", kernel.shape[0]),), _steps(flow.axes[2], steps)), trailing=behind),)


def _steps(axis: Axis, steps: int) -> Axis:
    if steps < 1:
        raise RefusedError("has fewer time steps than the kernel has taps")
    return tuple(replace(part, size=steps) if part.role == "time" else part for part in axis)


def pad(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Zeros in front of the window."""
    flow = node.flow()
    pads = node.numbers("pads", 1) or []
    rank = len(flow.axes)
    axes = node.numbers("axes", 3)
    axes = list(range(rank)) if axes is None else [axis_of(axis, rank) for axis in axes]
    value = float(node.constant(2).reshape(-1)[0]) if node.has(2) and node.constant(2).size else node.number("value", 0.0)
    if len(pads) != 2 * len(axes) or node.text("mode", "constant") != "constant" or value != 0:
        raise RefusedError("pads with something else than zeros")
    for axis, before, behind in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        if not before and not behind:
            continue
        if not holds(flow.axes[axis], "time") or before < 0 or behind < 0:
            raise RefusedError("pads another axis than time, or cuts it")
        layer = SourceLayer(node.name, "ZeroPadding1D", {"padding": (before, behind)})
        grown = _steps(flow.axes[axis], axis_size(flow.axes[axis]) + before + behind)
        name = gathered.add(layer, (gathered.source(flow),))
        flow = Flow(name, (*flow.axes[:axis], grown, *flow.axes[axis + 1 :]))
    return (flow,)


def reduction(function: str | None, merge: str | None) -> Handler:
    """Return the handler of a reduction: pooling over time, or a merge of both directions."""

    def handle(gathered: Gathered, node: Node) -> tuple[Value, ...]:
        flow = node.flow()
        rank = len(flow.axes)
        given = list(range(2, rank)) if node.op.startswith("Global") else node.numbers("axes", 1)
        if given is None or len(given) != 1:
            raise RefusedError(f"reduces the axes {given}; only time, or the directions of a layer, can be reduced")
        axis, keep = axis_of(given[0], rank), node.op.startswith("Global") or bool(node.integer("keepdims", 1))
        replaced = ((),) if keep else ()
        axes = (*flow.axes[:axis], *replaced, *flow.axes[axis + 1 :])
        if merge is not None and holds(flow.axes[axis], "direction"):
            first, second = gathered.halves[flow.layer]
            whole = joined(gathered, first, second, merge)
            return (Flow(whole.layer, axes, whole.last or flow.last),)
        if function is not None and holds(flow.axes[axis], "time"):
            layer = SourceLayer(node.name, f"Global{function}Pooling1D", {})
            return (Flow(gathered.add(layer, (gathered.source(flow),)), axes),)
        if node.op == "ReduceMean" and holds(flow.axes[axis], "feature"):
            raise RefusedError(
                "takes the mean over features; a layer normalisation is read where it is one operator: export with opset 17 "
                "or newer"
            )
        roles = " and ".join(part.role for part in flow.axes[axis]) or "an axis of size 1"
        raise RefusedError(f"reduces {roles}; only a mean or maximum over time can be streamed")

    return handle
