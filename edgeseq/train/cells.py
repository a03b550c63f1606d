"""Compact recurrent layers for Keras: FastGRNN, MGU and minGRU. Keras is imported when they are first asked for."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from edgeseq.train.backend import import_keras


class CompactLayers(NamedTuple):
    """The layer classes, used like keras.layers.GRU; equations and weight order are in their docstrings."""

    FastGRNN: Any
    MGU: Any
    MinGRU: Any


@cache
def compact_layers() -> CompactLayers:
    """Return the Keras layer classes and register them, so that keras.models.load_model knows them afterwards.

    Raises MissingExtraError without Keras.
    """
    import_keras()
    from edgeseq.train import keras_cells

    return CompactLayers(keras_cells.FastGRNN, keras_cells.MGU, keras_cells.MinGRU)
