"""How calibration hears of every intermediate tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from edgeseq.graph.layers import FloatArray

# Called with (layer name, tensor name, value (..., units)) for each intermediate tensor.
Listener: TypeAlias = Callable[[str, str, FloatArray], None]

# The tensor name of a layer's result.
OUTPUT = "out"


def silent(layer: str, tensor: str, value: FloatArray) -> None:
    """Ignore what calibration would record."""
