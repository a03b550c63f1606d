"""Transposing and reshaping of axes that hold parts."""

from __future__ import annotations

import math

from edgeseq.frontend.onnx.values import Axis, Part, RefusedError, axis_size


def reshaped(axes: tuple[Axis, ...], target: tuple[int, ...], *, keeps_zero: bool) -> tuple[Axis, ...]:
    """Distribute the parts over the axes of a target shape, in their order; -1 and 0 as in Reshape.

    keeps_zero: a 0 in the target is a size, not a copy of the input's.
    """
    old = tuple(axis_size(axis) for axis in axes)
    sizes = [old[at] if size == 0 and not keeps_zero and at < len(old) else size for at, size in enumerate(target)]
    total = math.prod(old)
    if sizes.count(-1) == 1:
        rest = math.prod(size for size in sizes if size != -1)
        sizes[sizes.index(-1)] = total // rest if rest > 0 and total % rest == 0 else -1
    if any(size < 1 for size in sizes) or math.prod(sizes) != total:
        raise RefusedError(f"reshapes {old} to {target}, whose sizes differ; fix the sizes of the model's axes when exporting")
    parts = [part for axis in axes for part in axis]
    result = []
    for size in sizes:
        axis: list[Part] = []
        while parts and (axis_size(tuple(axis)) < size or parts[0].size == 1):
            # Of parts of size 1 each new axis takes one, so that (1, 8, 5) keeps its batch in front.
            if size == 1 and axis:
                break
            axis.append(parts.pop(0))
        if axis_size(tuple(axis)) != size:
            raise RefusedError(f"reshapes {old} to {target}, which cuts an axis in pieces; only joining axes is supported")
        result.append(tuple(axis))
    if parts and result:
        result[-1] = (*result[-1], *parts)
    return tuple(result)


def axis_of(number: int, rank: int) -> int:
    """A possibly negative axis as an index."""
    if not -rank <= number < rank:
        raise RefusedError(f"axis {number} of a tensor of {rank} axes")
    return number % rank
