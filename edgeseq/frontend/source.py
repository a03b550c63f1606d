"""What every reader produces: layers as (class name, config, weights), in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Config: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class SourceLayer:
    """One layer as its file describes it.

    weights: in the order Keras' `get_weights` gives; empty for layers without any.
    branches: the two chains that a layer which joins them reads; both start at the layer before it.
    """

    name: str
    class_name: str
    config: Config
    weights: tuple[npt.NDArray[Any], ...] = ()
    branches: tuple[tuple[SourceLayer, ...], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SourceModel:
    """A chain of layers, first to last. origin is the path or object it came from."""

    name: str
    origin: str
    layers: tuple[SourceLayer, ...] = field(default=())


def every_layer(layers: Iterable[SourceLayer]) -> Iterator[SourceLayer]:
    """All layers, those of branches before the layer that joins them."""
    for layer in layers:
        for branch in layer.branches:
            yield from every_layer(branch)
        yield layer


def with_weights(layers: Iterable[SourceLayer], weights: Mapping[str, Sequence[Any]]) -> tuple[SourceLayer, ...]:
    """The same layers with their arrays, by name."""
    return tuple(
        replace(
            layer,
            weights=tuple(weights.get(layer.name, ())),
            branches=tuple(with_weights(branch, weights) for branch in layer.branches),
        )
        for layer in layers
    )


MAX_WEIGHTS_PER_ARRAY = 64 * 1024 * 1024
MAX_FILE_BYTES = 512 * 1024 * 1024


def as_finite_float64(values: npt.NDArray[Any]) -> npt.NDArray[np.float64] | None:
    """Return the array in float64, or None if it holds NaN or infinity."""
    wide = np.asarray(values, dtype=np.float64)
    return wide if bool(np.isfinite(wide).all()) else None
