"""What is known of the data between two layers while a chain is read, and how a layer is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import FixedTensor, Layer, Normalization

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
    fixed_input: FixedTensor | None = None  # of a model trained with integers
    ended: bool = False  # a softmax closes the model
    keras_major: int | None = None  # of the Keras that made the model
    layers: list[Layer] = field(default_factory=list)
    at_input: bool = True  # the chain starts at the model's input, not at a fork behind it
    left_padding: int = 0  # time steps of zeros that a ZeroPadding1D has put before the stream
    tokens: bool = False  # the input is one token id a step

    def branch(self) -> Chain:
        """What a branch knows that starts here."""
        return Chain(self.features, self.input_size, self.time_steps, self.has_time_axis, at_input=False)

    @property
    def reads_input(self) -> bool:
        """Whether the next layer reads the model's input itself."""
        return self.at_input and not self.layers


def single(value: Any) -> Any:
    """A size along the one axis of time, which Keras stores as a number or as a list of one."""
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


# A handler appends to the chain and returns None, a note, or a Refusal.
Handler: TypeAlias = Callable[[SourceLayer, Chain], "str | Refusal | None"]
