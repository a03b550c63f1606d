"""Operators on known values: weights that exporters rearrange, and arithmetic on shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from edgeseq.frontend.onnx.gathered import Gathered
from edgeseq.frontend.onnx.layout import axis_of
from edgeseq.frontend.onnx.node import Node
from edgeseq.frontend.onnx.values import Array, Constant, Flow, RefusedError, Stack, State, Value
from edgeseq.frontend.source import MAX_WEIGHTS_PER_ARRAY

Handler: TypeAlias = Callable[[Gathered, Node], tuple[Value, ...]]

# What may be computed value by value; larger arrays are states of zeros whose batch is open, all of one value.
_MAX_COMPUTED = 4 * 1024 * 1024


def _bounded(array: Array) -> Array:
    """The array, or one value that stands for a uniform one too large to compute with."""
    if array.size <= _MAX_COMPUTED:
        return array
    if any(array.strides):
        raise RefusedError(f"computes with a constant of shape {array.shape}; only weights and shapes are computed while reading")
    return array[(0,) * array.ndim]


def shape(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Of data with open sizes, their stand-ins."""
    value = node.inputs[0]
    if isinstance(value, State | Stack):
        raise RefusedError("asks for the shape of a recurrent state; use the shape of the input")
    found = value.shape if isinstance(value, Flow) else node.constant(0).shape
    start, end = node.integer("start", 0), node.attributes.get("end")
    return (Constant(np.array(found[start:end], np.int64)),)


def size(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Number of values."""
    value = node.inputs[0]
    found = value.shape if isinstance(value, Flow) else node.constant(0).shape
    return (Constant(np.array(np.prod(np.array(found, object)), np.int64)),)


def constant(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """The value of a Constant node."""
    for key, kind in (
        ("value_int", np.int64),
        ("value_ints", np.int64),
        ("value_float", np.float32),
        ("value_floats", np.float32),
    ):
        if key in node.attributes:
            return (Constant(np.array(node.attributes[key], kind)),)
    if "value" not in node.attributes:
        raise RefusedError("holds neither numbers nor a tensor of them")
    return (Constant(gathered.array(node.attributes["value"], f"constant {node.name!r}")),)


def constant_of_shape(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """One value everywhere, kept once."""
    fill = np.float32(0)
    if "value" in node.attributes:
        fill = gathered.array(node.attributes["value"], f"constant {node.name!r}").reshape(-1)[0]
    return (Constant(np.broadcast_to(fill, tuple(node.few(0)))),)


def expand(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Broadcast, kept once."""
    value, target = node.constant(0), tuple(node.few(1))
    return (Constant(np.broadcast_to(value, np.broadcast_shapes(value.shape, target))),)


def tile(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Repeated along each axis; a uniform array stays one value."""
    value, repeats = node.constant(0), tuple(node.few(1))
    if len(repeats) != value.ndim or any(count < 1 for count in repeats):
        raise RefusedError(f"repeats an array of shape {value.shape} {repeats} times")
    total = int(np.prod(np.array(repeats, object))) * value.size
    uniform = value.size > 0 and bool((_bounded(value) == value.flat[0]).all())
    if uniform:
        return (Constant(np.broadcast_to(value.flat[0], tuple(n * m for n, m in zip(value.shape, repeats, strict=True)))),)
    if total > _MAX_COMPUTED:
        raise RefusedError(f"makes a constant of {total} values; only weights and shapes are computed while reading")
    return (Constant(np.tile(value, repeats)),)


def cast(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """To a numeric type."""
    kinds: dict[int, Any] = {1: np.float32, 2: np.uint8, 3: np.int8, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_}
    kinds |= {10: np.float16, 11: np.float64}
    kind = kinds.get(node.integer("to", 0))
    if kind is None:
        raise RefusedError(f"casts to type {node.integer('to', 0)}; expected numbers")
    value = node.constant(0)
    if value.size > _MAX_COMPUTED:
        return (Constant(np.broadcast_to(_bounded(value).astype(kind), value.shape)),)
    return (Constant(value.astype(kind)),)


def elementwise(function: Callable[..., Array]) -> Handler:
    """Return the folder of a function of single values."""

    def fold(gathered: Gathered, node: Node) -> tuple[Value, ...]:
        arrays = [node.constant(index) for index in range(len(node.inputs))]
        target = np.broadcast_shapes(*(array.shape for array in arrays))
        if int(np.prod(np.array(target, object))) > _MAX_COMPUTED:
            return (Constant(np.broadcast_to(function(*(_bounded(array) for array in arrays)), target)),)
        with np.errstate(all="ignore"):
            return (Constant(np.asarray(function(*arrays))),)

    return fold


def _divide(a: Array, b: Array) -> Array:
    """As ONNX divides whole numbers: towards zero."""
    if a.dtype.kind in "iu":
        if not np.all(b):
            raise RefusedError("divides by zero")
        return np.asarray(np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b)), a.dtype)
    return np.asarray(a / b)


def transpose(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """In the order of perm."""
    value = node.constant(0)
    return (Constant(np.transpose(value, node.numbers("perm"))),)


def squeeze(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Without axes of size 1."""
    value, axes = node.constant(0), node.numbers("axes", 1)
    return (Constant(np.squeeze(value, None if axes is None else tuple(axes))),)


def unsqueeze(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """With new axes of size 1."""
    return (Constant(np.expand_dims(node.constant(0), tuple(node.numbers("axes", 1) or ()))),)


def reshape(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """To a shape with at most one -1."""
    value = node.constant(0)
    target = node.numbers("shape", 1) or []
    if not node.integer("allowzero", 0):
        target = [value.shape[at] if length == 0 else length for at, length in enumerate(target)]
    if value.size > _MAX_COMPUTED:
        lengths = np.array(target, object)
        if -1 in target:
            lengths[target.index(-1)] = value.size // max(1, int(np.prod(lengths[lengths != -1])))
        if int(np.prod(lengths)) != value.size:
            raise RefusedError(f"reshapes {value.shape} to {target}")
        return (Constant(np.broadcast_to(_bounded(value), tuple(lengths.tolist()))),)
    return (Constant(value.reshape(target)),)


def gather(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Entries along one axis."""
    value, indices = node.constant(0), node.constant(1)
    axis = axis_of(node.integer("axis", 0), value.ndim)
    if indices.size > _MAX_COMPUTED or value.size > MAX_WEIGHTS_PER_ARRAY:
        raise RefusedError("picks from a constant that is too large")
    return (Constant(np.take(value, indices.astype(np.int64), axis=axis)),)


def slice_(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """A range per axis."""
    value = node.constant(0)
    cut = [slice(None)] * value.ndim
    for axis, start, end, step in ranges(node, value.ndim):
        if step == 0:
            raise RefusedError("slices with a step of 0")
        # INT_MIN is how exporters write 'to the very beginning' of a backward slice.
        cut[axis] = slice(start, None if step < 0 and end < -value.shape[axis] else end, step)
    return (Constant(value[tuple(cut)]),)


def ranges(node: Node, rank: int) -> list[tuple[int, int, int, int]]:
    """(axis, start, end, step) of a Slice node, of any opset."""
    starts, ends = node.numbers("starts", 1), node.numbers("ends", 2)
    if starts is None or ends is None:
        raise RefusedError("slices without starts and ends")
    axes = node.numbers("axes", 3)
    axes = list(range(len(starts))) if axes is None else [axis_of(axis, rank) for axis in axes]
    steps = node.numbers("steps", 4) or [1] * len(starts)
    return list(zip(axes, starts, ends, steps, strict=True))


def concat(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Joined along one axis; uniform arrays stay one value."""
    arrays = [node.constant(index) for index in range(len(node.inputs))]
    axis = axis_of(node.integer("axis", 0), arrays[0].ndim)
    total = sum(array.size for array in arrays)
    if total <= _MAX_COMPUTED:
        return (Constant(np.concatenate(arrays, axis)),)
    fills = [np.asarray(_bounded(array)).reshape(-1) for array in arrays]
    if any((fill != fills[0][0]).any() for fill in fills):
        raise RefusedError(f"joins {total} values; only weights and shapes are computed while reading")
    joined = list(arrays[0].shape)
    joined[axis] = sum(array.shape[axis] for array in arrays)
    return (Constant(np.broadcast_to(fills[0][0], tuple(joined))),)


def reduce_product(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Product over axes."""
    value, axes = node.constant(0), node.numbers("axes", 1)
    keep = bool(node.integer("keepdims", 1))
    return (Constant(np.asarray(np.prod(_bounded(value), axis=None if axes is None else tuple(axes), keepdims=keep))),)


def range_(gathered: Gathered, node: Node) -> tuple[Value, ...]:
    """Numbers at equal distances."""
    start, limit, delta = (node.constant(index).reshape(-1)[0] for index in range(3))
    if delta == 0 or abs((limit - start) / delta) > _MAX_COMPUTED:
        raise RefusedError("counts further than any weight or shape needs")
    return (Constant(np.arange(start, limit, delta)),)


FOLDERS: dict[str, Handler] = {
    "Constant": constant,
    "Shape": shape,
    "Size": size,
    "ConstantOfShape": constant_of_shape,
    "Expand": expand,
    "Tile": tile,
    "Cast": cast,
    "Identity": elementwise(lambda v: v),
    "Transpose": transpose,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Reshape": reshape,
    "Gather": gather,
    "Slice": slice_,
    "Concat": concat,
    "ReduceProd": reduce_product,
    "Range": range_,
    "Add": elementwise(np.add),
    "Sub": elementwise(np.subtract),
    "Mul": elementwise(np.multiply),
    "Div": elementwise(_divide),
    "Neg": elementwise(np.negative),
    "Sqrt": elementwise(np.sqrt),
    "Exp": elementwise(np.exp),
    "Reciprocal": elementwise(lambda v: 1 / v),
    "Pow": elementwise(lambda a, b: np.power(a, b, dtype=a.dtype)),
    "Min": elementwise(lambda *v: np.asarray(np.minimum.reduce(np.broadcast_arrays(*v)))),
    "Max": elementwise(lambda *v: np.asarray(np.maximum.reduce(np.broadcast_arrays(*v)))),
    "Equal": elementwise(np.equal),
    "Less": elementwise(np.less),
    "Greater": elementwise(np.greater),
    "And": elementwise(np.logical_and),
    "Not": elementwise(np.logical_not),
    "Where": elementwise(np.where),
}
