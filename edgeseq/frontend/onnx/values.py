"""What is known of a tensor while the nodes of an ONNX graph are walked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy.typing as npt

Role = Literal["batch", "time", "feature", "direction"]
Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A way in which the data extends. An axis may hold several, the slowest first, or none."""

    role: Role
    size: int


Axis: TypeAlias = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """Data that depends on the model's input: the result of a layer, seen with its axes in some order.

    last: only the window's last step of it. trailing: steps behind the window's end that a padding has put there.
    """

    layer: str
    axes: tuple[Axis, ...]
    last: bool = False
    trailing: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each axis; unknown ones have the reader's stand-ins."""
        return tuple(axis_size(axis) for axis in self.axes)


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """Known values: weights, or arithmetic on shapes."""

    value: Array


@dataclass(frozen=True, slots=True)
class State:
    """A recurrent state that enters or leaves the model, or a cell state; name: of the input or the node."""

    name: str
    entering: bool


@dataclass(frozen=True, slots=True)
class Stack:
    """Flows side by side along one axis: PyTorch's final states of several layers and directions."""

    parts: tuple[Flow | State, ...]
    axis: int


@dataclass(frozen=True, slots=True)
class Unread:
    """What a refused node would have given. layer: that node's."""

    layer: str


Value: TypeAlias = "Flow | Constant | State | Stack | Unread"


def axis_size(axis: Axis) -> int:
    """Number of values along an axis."""
    return math.prod(part.size for part in axis)


def holds(axis: Axis, role: Role) -> bool:
    """Whether an axis extends in that way, and in no other of more than one value."""
    return any(part.role == role for part in axis) and all(part.role == role or part.size == 1 for part in axis)


FIRST_STEP = (
    "takes the window's first time step; a stream has the present step alone, which is a window's last one. Take [:, -1], or all "
    "of them; of a bidirectional layer, the backward half alone has its own last state there"
)


class RefusedError(Exception):
    """A node cannot be read; the text says why and what to do."""


class WrongLayoutError(Exception):
    """The guess of which input axis is batch, time and features does not fit a node."""
