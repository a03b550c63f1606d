"""What every reader produces: layers as (class name, config, weights), in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Config: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class SourceLayer:
    """One layer as its file describes it.

    weights: in the order Keras' `get_weights` gives; empty for layers without any.
    """

    name: str
    class_name: str
    config: Config
    weights: tuple[npt.NDArray[Any], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SourceModel:
    """A linear chain of layers, first to last. origin is the path or object it came from."""

    name: str
    origin: str
    layers: tuple[SourceLayer, ...] = field(default=())


MAX_WEIGHTS_PER_ARRAY = 64 * 1024 * 1024
MAX_FILE_BYTES = 512 * 1024 * 1024


def as_finite_float64(values: npt.NDArray[Any]) -> npt.NDArray[np.float64] | None:
    """Return the array in float64, or None if it holds NaN or infinity."""
    wide = np.asarray(values, dtype=np.float64)
    return wide if bool(np.isfinite(wide).all()) else None
