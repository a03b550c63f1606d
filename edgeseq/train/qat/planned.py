"""What planners are given and give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edgeseq.arith.matmul import SCHEME_PARTS, FloatArray, Operand, Scheme, WeightBits
from edgeseq.arith.scale import Scale


@dataclass(frozen=True, slots=True)
class Schemes:
    """The model's scheme, and those of single layers by name. A Dense layer keeps 8-bit weights unless it is named."""

    scheme: Scheme
    single: dict[str, Scheme]

    def of(self, layer: Any) -> Scheme:
        """That of a recurrent layer."""
        return self.single.get(layer.name, self.scheme)

    def dense_bits(self, layer: Any) -> WeightBits:
        """Weight bits of a Dense layer."""
        return SCHEME_PARTS[self.single[layer.name]][1] if layer.name in self.single else 8


@dataclass(frozen=True, slots=True, eq=False)
class Between:
    """What is known between two layers: float values (batch, time, n), and how the integers stand for them."""

    values: FloatArray
    scale: Scale
    input_dtype: Operand | None = None
    zero_point: int = 0

    @property
    def bound(self) -> float:
        """Largest real magnitude that an int16 tensor of this scale can hold."""
        return 32768 * self.scale.value

    @property
    def config(self) -> dict[str, Any]:
        """As the layer that reads it is told."""
        return {"in_scale": pair(self.scale), "code_dtype": self.input_dtype, "zero_point": self.zero_point}


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """A layer of the new model, what its output is like, and what to call once it is built.

    settle(damping) gives it its first weights; damping: one of `arith.rounding.DAMPINGS`, for recurrent layers.
    """

    layer: Any
    after: Between
    settle: Callable[[float], None] = field(default=lambda _: None)


def pair(scale: Scale) -> tuple[int, int]:
    """A scale as a configuration holds it."""
    return scale.mantissa, scale.exponent
