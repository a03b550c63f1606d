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
    refusal: why the file's reader could make nothing of it. note: what it found worth telling.
    """

    name: str
    class_name: str
    config: Config
    weights: tuple[npt.NDArray[Any], ...] = ()
    branches: tuple[tuple[SourceLayer, ...], ...] = ()
    refusal: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SourceModel:
    """A chain of layers, first to last. origin is the path or object it came from.

    keras_major: first number of the version of Keras that made it, or None where nothing tells.
    """

    name: str
    origin: str
    layers: tuple[SourceLayer, ...] = field(default=())
    keras_major: int | None = None


def major_version(version: Any) -> int | None:
    """First number of a version such as '2.15.0', or None.

    >>> major_version("3.15.1"), major_version(b"2.4.0-tf"), major_version(None)
    (3, 2, None)
    """
    text = version.decode("ascii", "replace") if isinstance(version, bytes) else str(version)
    first = text.split(".")[0]
    return int(first) if first.isdecimal() and len(first) < 4 else None


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
