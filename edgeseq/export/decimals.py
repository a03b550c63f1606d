"""Numbers as the metadata of exported files states them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def one_or_all(values: list[float]) -> float | list[float]:
    """The number that all features share, or one of each."""
    return values[0] if len(set(values)) == 1 else values


def shortest(values: npt.NDArray[np.float32]) -> list[float]:
    """The shortest decimals that are these float32."""
    return [float(np.format_float_scientific(value, unique=True)) for value in values.ravel()]
