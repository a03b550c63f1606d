"""What kernels rely on in the layers around recurrent ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeseq.arith.normalize import MAX_EPSILON, MAX_NORMALIZED_SIZE
from edgeseq.quantize.types import QuantDelay, QuantDepthwise, QuantEmbedding, QuantNormalize, QuantPool, QuantWiden
from edgeseq.quantize.validators.matrix import matvec_problem, shift_problem

MAX_SIZE = 65535  # values per time step are uint16 in the C kernels
MAX_HISTORY = 32767  # the position in a delay line is int16


def same_size(layer: Any, size: int) -> str | None:
    """As many values as the tensor before has."""
    return None if layer.size == size else f"{layer.size} values after a tensor of {size}"


def widen(layer: QuantWiden, size: int) -> str | None:
    """One int16 per code."""
    return same_size(layer, size)


def pool(layer: QuantPool, size: int) -> str | None:
    """Average or maximum so far."""
    return f"pools by {layer.function!r}" if layer.function not in ("average", "max") else same_size(layer, size)


def normalize(layer: QuantNormalize, size: int) -> str | None:
    """What int32 sums can hold."""
    if not (within(layer.epsilon, 1, MAX_EPSILON) and within(layer.fraction_bits, 0, 15) and size <= MAX_NORMALIZED_SIZE):
        return f"normalises {size} values with epsilon {layer.epsilon!r} and {layer.fraction_bits!r} fraction bits"
    return same_size(layer, size)


def delay(layer: QuantDelay, size: int) -> str | None:
    """A ring of past operands."""
    sound = within(layer.taps, 2, MAX_HISTORY + 1) and within(layer.dilation, 1, MAX_HISTORY)
    if not sound or layer.history > MAX_HISTORY or layer.dtype not in ("int8", "int16"):
        return f"{layer.taps!r} taps at dilation {layer.dilation!r} of {layer.dtype!r}"
    return same_size(layer, size)


def depthwise(layer: QuantDepthwise, size: int) -> str | None:
    """A row of taps per output."""
    if not within(layer.channels, 1, MAX_SIZE) or size % layer.channels or layer.matvec.rows % layer.channels:
        return f"{layer.channels!r} channels of {size} values"
    if layer.matvec.bits != 8 or layer.activation not in ("linear", "relu", "sigmoid", "tanh"):
        return f"activation {layer.activation!r} of weights of {layer.matvec.bits!r} bits"
    tabled = layer.activation in ("sigmoid", "tanh")
    return matvec_problem(layer.matvec, size // layer.channels, None) or shift_problem(layer.preactivation_shift, used=tabled)


def embedding(layer: QuantEmbedding, size: int) -> str | None:
    """int8 rows."""
    if layer.table.ndim != 2 or layer.table.dtype != np.int8 or not 1 <= len(layer.table) <= 16384:
        return f"table {layer.table.shape} {layer.table.dtype}"
    return None


def within(value: object, low: int, high: int) -> bool:
    """Whether it is an integer of that range."""
    return isinstance(value, int) and low <= value <= high
