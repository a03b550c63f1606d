"""What is known of the data between two layers while a chain is read, and how a layer is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Layer, Normalization

MAX_UNITS = 65535  # sizes are uint16 in the C kernels


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a layer cannot become integer code, and what to do instead."""

    layer: str
    reason: str


@dataclass(slots=True)
class Chain:
    """What is known of the data between two layers while the chain is walked."""

    features: int | None = None
    input_size: int | None = None
    time_steps: int | None = None
    has_time_axis: bool = True
    normalization: Normalization | None = None
    ended: bool = False  # a softmax closes the model
    keras_major: int | None = None  # of the Keras that made the model
    layers: list[Layer] = field(default_factory=list)


# A handler appends to the chain and returns None, a note, or a Refusal.
Handler: TypeAlias = Callable[[SourceLayer, Chain], "str | Refusal | None"]
