"""Matrix products, and gains and offsets per feature."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from edgeseq.frontend.onnx.gathered import Gathered
from edgeseq.frontend.onnx.node import Node
from edgeseq.frontend.onnx.values import Array, Flow, Part, RefusedError, Value, WrongLayoutError, axis_size, holds
from edgeseq.frontend.source import SourceLayer


def dense(gathered: Gathered, node: Node, flow: Flow, kernel: Array, bias: Array | None) -> tuple[Value, ...]:
    """A Dense layer over the last axis, which must be the features."""
    axis = flow.axes[-1] if flow.axes else ()
    if any(part.role != "feature" and part.size > 1 for part in axis):
        roles = " and ".join(part.role for part in axis if part.size > 1)
        if "time" in roles and "feature" not in roles:
            raise WrongLayoutError(f"node {node.name!r} ({node.op}) multiplies along time; the last axis must hold the features")
        raise RefusedError(f"multiplies along {roles}; the last axis must hold the features of one time step")
    if kernel.ndim != 2 or kernel.shape[0] != axis_size(axis):
        raise RefusedError(f"a matrix {kernel.shape} does not fit {axis_size(axis)} features")
    config: dict[str, Any] = {"units": kernel.shape[1], "use_bias": bias is not None}
    weights = (kernel,) if bias is None else (kernel, bias)
    name = gathered.add(SourceLayer(node.name, "Dense", config, weights), (gathered.source(flow),))
    return (Flow(name, (*flow.axes[:-1], (Part("feature", kernel.shape[1]),))),)


def matmul(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Data times a matrix."""
    if not isinstance(node.inputs[0], Flow) or isinstance(node.inputs[1], Flow):
        raise RefusedError("multiplies by a matrix that the data decides, or from the left; only data times weights is supported")
    return dense(gathered, node, node.flow(), node.weights(1), None)


def gemm(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """``alpha * x W + beta * c``."""
    flow = node.flow()
    if node.integer("transA", 0):
        raise RefusedError("transA=1 multiplies along another axis than the features")
    kernel = node.number("alpha", 1.0) * node.weights(1)
    kernel = kernel.T if node.integer("transB", 0) else kernel
    bias = None
    if node.has(2):
        given = node.number("beta", 1.0) * node.weights(2)
        if given.size not in (1, kernel.shape[-1]):
            raise RefusedError(f"bias {given.shape} does not fit {kernel.shape[-1]} outputs")
        bias = np.broadcast_to(given.reshape(-1), (kernel.shape[-1],)).copy()
    return dense(gathered, node, flow, kernel, bias)


def feature_vector(node: Node, flow: Flow, value: Array) -> Array:
    """A constant that is broadcast over all but the features, as (features,)."""
    rank = len(flow.axes)
    sizes = (1,) * (rank - value.ndim) + value.shape
    where = [at for at, axis in enumerate(flow.axes) if holds(axis, "feature")]
    if len(where) != 1 or value.ndim > rank or any(size != 1 for at, size in enumerate(sizes) if at != where[0]):
        raise RefusedError(
            f"combines data of shape {flow.shape} with a constant of shape {value.shape}; only one number, or one per feature, "
            "is supported"
        )
    size = axis_size(flow.axes[where[0]])
    if sizes[where[0]] not in (1, size):
        raise RefusedError(f"a constant of shape {value.shape} does not fit {size} features")
    return np.broadcast_to(np.asarray(value, np.float64).reshape(-1), (size,)).copy()


def affine(gathered: Gathered, node: Node, flow: Flow, gain: Array, offset: Array) -> Flow:
    """``gain * x + offset`` per feature: the bias of a product that has none, or a layer of its own."""
    name = gathered.source(flow)
    before = gathered.layers[name]
    layer = before.layer
    identity = np.ones_like(gain)
    if layer.class_name == "Dense" and not layer.config["use_bias"] and np.array_equal(gain, identity):
        blended = replace(layer, weights=(*layer.weights, offset), config=layer.config | {"use_bias": True})
        return Flow(gathered.add(blended, tuple(before.sources)), flow.axes)
    undone = layer.class_name == "Affine" and np.array_equal(layer.weights[0] * gain, identity)
    if undone and not (layer.weights[1] * gain + offset).any():
        return Flow(before.sources[0], flow.axes)
    return Flow(gathered.add(SourceLayer(node.name, "Affine", {}, (gain, offset)), (name,)), flow.axes)


def batch_normalization(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """With the moving mean and variance."""
    flow = node.flow()
    if len(flow.axes) < 2 or not holds(flow.axes[1], "feature"):
        if len(flow.axes) == 3 and gathered.class_of(flow.layer) == "InputLayer":
            raise WrongLayoutError(f"node {node.name!r} (BatchNormalization) normalises axis 1, which must hold the features")
        raise RefusedError("normalises another axis than the features")
    if node.integer("training_mode", 0):
        raise RefusedError("training_mode=1; export the model in evaluation mode (model.eval())")
    weights = tuple(node.weights(index) for index in range(1, 5))
    config = {"epsilon": node.number("epsilon", 1e-5), "axis": -1}
    name = gathered.add(SourceLayer(node.name, "BatchNormalization", config, weights), (gathered.source(flow),))
    return (Flow(name, flow.axes),)


def layer_normalization(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Over the features of a step."""
    flow = node.flow()
    axis = node.integer("axis", -1)
    if axis not in (-1, len(flow.axes) - 1) or not holds(flow.axes[-1], "feature"):
        raise RefusedError("normalises over something else than the features of one time step")
    weights = [node.weights(index).reshape(-1) for index in (1, 2) if node.has(index)]
    config = {"epsilon": node.number("epsilon", 1e-5), "scale": node.has(1), "center": node.has(2)}
    name = gathered.add(SourceLayer(node.name, "LayerNormalization", config, tuple(weights)), (gathered.source(flow),))
    return (Flow(name, flow.axes),)
