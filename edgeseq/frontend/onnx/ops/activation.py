"""Functions of single values, also those that exporters write as several nodes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from edgeseq.frontend.onnx.gathered import Gathered
from edgeseq.frontend.onnx.layout import axis_of
from edgeseq.frontend.onnx.node import Node
from edgeseq.frontend.onnx.ops.dense import affine, feature_vector
from edgeseq.frontend.onnx.ops.fold import Handler
from edgeseq.frontend.onnx.ops.halves import backwards, joined
from edgeseq.frontend.onnx.ops.recurrent import hard_sigmoid
from edgeseq.frontend.onnx.values import Flow, RefusedError, Value, holds
from edgeseq.frontend.source import SourceLayer

# (class name, config) of the layer that a node amounts to.
Described: TypeAlias = "tuple[str, dict[str, Any]]"


def activation(describe: Callable[[Node], Described]) -> Handler:
    """Return the handler of a function of single values."""

    def handle(gathered: Gathered, node: Node) -> tuple[Value, ...]:
        flow = node.flow()
        kind, config = describe(node)
        name = gathered.add(SourceLayer(node.name, kind, config), (_before(gathered, flow),))
        return (Flow(name, flow.axes, trailing=flow.trailing),)

    return handle


def _before(gathered: Gathered, flow: Flow) -> str:
    """Name of what a function of single values reads: it commutes with cutting off padding."""
    return gathered.source(replace(flow, trailing=0))


def named(name: str) -> Handler:
    """Return the handler of a function without parameters."""
    return activation(lambda _: ("Activation", {"activation": name}))


def _leaky(node: Node) -> Described:
    return "LeakyReLU", {"negative_slope": node.number("alpha", 0.01)}


def _elu(node: Node) -> Described:
    return "ELU", {"alpha": node.number("alpha", 1.0)}


def _celu(node: Node) -> Described:
    if node.number("alpha", 1.0) != 1.0:
        raise RefusedError(f"alpha={node.number('alpha', 1.0):g}; only 1 has an integer form, or use ELU")
    return "Activation", {"activation": "celu"}


def _selu(node: Node) -> Described:
    if abs(node.number("alpha", 1.67326) - 1.67326) > 1e-4 or abs(node.number("gamma", 1.0507) - 1.0507) > 1e-4:
        raise RefusedError("alpha or gamma differ from those of Klambauer et al. (2017), which alone have an integer form")
    return "Activation", {"activation": "selu"}


def _hard(node: Node) -> Described:
    name = hard_sigmoid(node.number("alpha", 0.2), node.number("beta", 0.5))
    if name is None:
        raise RefusedError(f"alpha={node.number('alpha', 0.2):g}; expected 1/6 or 0.2, and beta=0.5")
    return "Activation", {"activation": name}


def _gelu(node: Node) -> Described:
    if node.text("approximate", "none") != "none":
        raise RefusedError("approximate='tanh' differs from the exact function by up to 5e-4; use the exact one")
    return "Activation", {"activation": "gelu"}


def _clip(node: Node) -> Described:
    low, high = _limit(node, 1, "min", -math.inf), _limit(node, 2, "max", math.inf)
    if (low, high) == (-1.0, 1.0):
        return "Activation", {"activation": "hard_tanh"}
    if low == 0.0 and high > 0:
        # float32's largest number is how some exporters write 'no limit'.
        return "ReLU", {"max_value": None if high > 1e38 else high}
    raise RefusedError(f"clips to {low:g}..{high:g}; expected a lower end of 0, or -1..1")


def _limit(node: Node, index: int, key: str, default: float) -> float:
    """An end of Clip: an input, before opset 11 an attribute."""
    if node.has(index):
        return float(node.constant(index).reshape(-1)[0])
    return node.number(key, 0.0) if key in node.attributes else default


def softmax(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Over the features."""
    flow = node.flow()
    axis = axis_of(node.integer("axis", -1 if node.opset >= 13 else 1), len(flow.axes))
    behind = flow.axes[axis] if node.opset >= 13 else tuple(part for later in flow.axes[axis:] for part in later)
    if not holds(behind, "feature"):
        raise RefusedError("is taken over something else than the features; use the last axis")
    return activation(lambda _: ("Softmax", {}))(gathered, node)


def prelu(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """One slope per feature."""
    flow = node.flow()
    slopes = node.weights(1)
    if slopes.ndim == 1 and slopes.size > 1:
        slopes = slopes.reshape(*(1,) * (len(flow.axes) - 1), -1)
    layer = SourceLayer(node.name, "PReLU", {}, (feature_vector(node, flow, slopes),))
    return (Flow(gathered.add(layer, (gathered.source(flow),)), flow.axes),)


def add(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """A bias, the sum of two branches, or that of both directions."""
    if all(isinstance(value, Flow) for value in node.inputs):
        first, second = node.flow(0), node.flow(1)
        if backwards(gathered, second) or first.last:
            try:
                return (joined(gathered, first, second, "sum"),)
            except RefusedError:
                pass
        if first.axes != second.axes:
            raise RefusedError(f"adds data of shapes {first.shape} and {second.shape}, whose axes differ")
        name = gathered.add(SourceLayer(node.name, "Add", {}), (gathered.source(first), gathered.source(second)))
        return (Flow(name, first.axes),)
    flow, value = _with_constant(node)
    vector = feature_vector(node, flow, value)
    return (affine(gathered, node, flow, np.ones_like(vector), vector),)


def subtract(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """A constant, from either side."""
    flow, value = _with_constant(node)
    vector = feature_vector(node, flow, value)
    if isinstance(node.inputs[0], Flow):
        return (affine(gathered, node, flow, np.ones_like(vector), -vector),)
    return (affine(gathered, node, flow, -np.ones_like(vector), vector),)


def divide(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """By a constant."""
    if not isinstance(node.inputs[0], Flow):
        raise RefusedError("divides by data, which has no integer form")
    flow, value = _with_constant(node)
    vector = feature_vector(node, flow, value)
    if not vector.all():
        raise RefusedError("divides by zero")
    return (affine(gathered, node, flow, 1 / vector, np.zeros_like(vector)),)


def multiply(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """By a constant, or of what together is silu, hard_silu, mish or gelu, or of both directions."""
    if not all(isinstance(value, Flow) for value in node.inputs):
        flow, value = _with_constant(node)
        vector = feature_vector(node, flow, value)
        return (affine(gathered, node, flow, vector, np.zeros_like(vector)),)
    flows = [node.flow(0), node.flow(1)]
    for x, other in (flows, flows[::-1]):
        if x.axes != other.axes or x.layer in gathered.halves or other.layer in gathered.halves or other.last:
            continue
        before = _before(gathered, x)
        halved = _number_pair(gathered.layers[before].layer) == "0.5000*x+0"
        before = gathered.layers[before].sources[0] if halved else before
        gated = _gated(gathered, before, other.layer)
        if gated is not None and (gated == "2*gelu" or not halved):
            layer = SourceLayer(node.name, "Activation", {"activation": gated.removeprefix("2*")})
            flow = Flow(gathered.add(layer, (before,)), x.axes, trailing=x.trailing)
            if gated == "2*gelu" and not halved:
                twice = np.full(sum(part.size for axis in x.axes for part in axis if part.role == "feature"), 2.0)
                return (affine(gathered, node, flow, twice, np.zeros_like(twice)),)
            return (flow,)
    return (joined(gathered, flows[0], flows[1], "mul"),)


def above(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """A comparison with one number, as `where` may need it."""
    flow, limit = node.flow(), node.constant(1)
    if limit.size != 1:
        raise RefusedError("compares data with more than one number")
    layer = SourceLayer(node.name, "Greater", {"limit": float(limit.reshape(-1)[0])})
    return (Flow(gathered.add(layer, (_before(gathered, flow),)), flow.axes),)


def where(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """PyTorch's softplus: x itself above 20, where both are the same to 2e-9."""
    if all(isinstance(value, Flow) for value in node.inputs):
        chosen, x, other = (gathered.layers.get(_before(gathered, node.flow(index))) for index in range(3))
        if (
            chosen is not None
            and other is not None
            and chosen.layer.config.get("limit", 0.0) >= 20
            and other.layer.config.get("activation") == "softplus"
            and chosen.sources == other.sources
            and gathered.layers[other.sources[0]] is x
        ):
            return (node.flow(2),)
    raise RefusedError("chooses value by value; only PyTorch's softplus, which does so above 20, is known")


def _gated(gathered: Gathered, x: str, other: str) -> str | None:
    """The function that ``x * other(x)`` is; of gelu, which is ``x * (1 + erf(x / sqrt(2))) / 2``, also twice it."""
    chain: list[str] = []
    at = other
    while at != x and len(chain) < 4 and gathered.layers[at].sources:
        layer = gathered.layers[at].layer
        chain.append(_number_pair(layer) or layer.config.get("activation", layer.class_name))
        at = gathered.layers[at].sources[0]
    if at != x:
        return None
    found = {("sigmoid",): "silu", ("hard_sigmoid",): "hard_silu", ("tanh", "softplus"): "mish"}.get(tuple(chain))
    half = f"{math.sqrt(0.5):.4f}*x+0"
    if chain[-3:] == ["1.0000*x+1", "Erf", half]:
        return {(): "2*gelu", ("0.5000*x+0",): "gelu"}.get(tuple(chain[:-3]))
    return found


def _number_pair(layer: SourceLayer) -> str | None:
    """Gain and offset of an affine layer where they are the same for all features."""
    if layer.class_name != "Affine":
        return None
    gain, offset = layer.weights
    if (gain != gain[0]).any() or (offset != offset[0]).any():
        return None
    return f"{gain[0]:.4f}*x+{offset[0]:g}"


def _with_constant(node: Node) -> tuple[Flow, Any]:
    at = 0 if isinstance(node.inputs[0], Flow) else 1
    return node.flow(at), node.constant(1 - at)


ACTIVATIONS: dict[str, Handler] = {
    "Relu": named("relu"),
    "Sigmoid": named("sigmoid"),
    "Tanh": named("tanh"),
    "Softplus": named("softplus"),
    "Softsign": named("softsign"),
    "Mish": named("mish"),
    "Exp": named("exponential"),
    "HardSwish": named("hard_silu"),
    "LeakyRelu": activation(_leaky),
    "Elu": activation(_elu),
    "Celu": activation(_celu),
    "Selu": activation(_selu),
    "HardSigmoid": activation(_hard),
    "Gelu": activation(_gelu),
    "Clip": activation(_clip),
    # Alone it has no integer form; within gelu it has.
    "Erf": activation(lambda _: ("Erf", {})),
    # So have these within softplus.
    "Greater": above,
    "Where": where,
    "Softmax": softmax,
    "PRelu": prelu,
}
