"""One node, with the values of its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeseq.frontend.onnx.values import Array, Constant, Flow, RefusedError, Value

# Axes and sizes are a handful; a constant that a file claims to be a shape may be one value repeated to millions.
_MAX_FEW = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """inputs: None where an optional one is left out. outputs: how many it names."""

    name: str
    op: str
    domain: str
    inputs: list[Value | None]
    attributes: dict[str, Any]
    outputs: int
    opset: int

    def has(self, index: int) -> bool:
        """Whether an input is given."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def flow(self, index: int = 0) -> Flow:
        """An input that is data."""
        value = self.inputs[index] if self.has(index) else None
        if not isinstance(value, Flow):
            raise RefusedError(f"input {index} of {self.op} is {_described(value)}; expected the model's data")
        return value

    def constant(self, index: int) -> Array:
        """An input that is known."""
        value = self.inputs[index] if self.has(index) else None
        if not isinstance(value, Constant):
            raise RefusedError(
                f"input {index} of {self.op} is {_described(value)}; expected a constant, so that its integer form is fixed"
            )
        return value.value

    def weights(self, index: int) -> Array:
        """A known input in float64."""
        return np.asarray(self.constant(index), np.float64)

    def integer(self, key: str, default: int) -> int:
        """An attribute that is a whole number."""
        value = self.attributes.get(key, default)
        if not isinstance(value, int):
            raise RefusedError(f"attribute {key}={value!r} of {self.op}; expected a whole number")
        return value

    def number(self, key: str, default: float) -> float:
        """An attribute that is a finite number."""
        value = self.attributes.get(key, default)
        if not isinstance(value, int | float) or not np.isfinite(value):
            raise RefusedError(f"attribute {key}={value!r} of {self.op}; expected a finite number")
        return float(value)

    def text(self, key: str, default: str) -> str:
        """An attribute that is text."""
        value = self.attributes.get(key, default)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    def few(self, index: int) -> list[int]:
        """A known input that lists axes or sizes."""
        value = self.constant(index)
        if value.size > _MAX_FEW:
            raise RefusedError(f"input {index} of {self.op} lists {value.size} numbers; expected an axis or a size each")
        return [int(number) for number in value.reshape(-1)]

    def numbers(self, key: str, index: int | None = None) -> list[int] | None:
        """Whole numbers of an attribute, or of the input that later opsets have instead; None: not given."""
        if index is not None and self.has(index):
            return self.few(index)
        value = self.attributes.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(number, int) for number in value):
            raise RefusedError(f"attribute {key}={value!r} of {self.op}; expected whole numbers")
        return list(value)


def _described(value: Value | None) -> str:
    if value is None:
        return "left out"
    return {"Flow": "computed from the input", "Constant": "a constant", "State": "a recurrent state"}.get(
        type(value).__name__, "several states"
    )
