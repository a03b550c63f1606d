"""A live Keras model, read through its public methods; Keras itself is not imported here."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from edgeseq.errors import ModelError
from edgeseq.frontend.keras_config import ordered_layers
from edgeseq.frontend.source import SourceModel, as_finite_float64, every_layer, major_version, with_weights


def read_live_model(model: Any) -> SourceModel:
    """Read a built keras.Sequential or keras.Model object."""
    origin = f"live model {getattr(model, 'name', '?')!r}"
    if not getattr(model, "built", True):
        raise ModelError(f"{origin} is not built. Call it once, or add keras.Input.")
    described = {"class_name": type(model).__name__, "config": model.get_config()}
    described_layers = ordered_layers(described, origin)
    by_name = {layer.name: layer for layer in model.layers}
    weights = {}
    for layer in every_layer(described_layers.chain):
        arrays = []
        for index, array in enumerate(by_name[layer.name].get_weights() if layer.name in by_name else []):
            finite = as_finite_float64(np.asarray(array))
            if finite is None:
                raise ModelError(f"{origin}: layer {layer.name!r}, weight {index} holds NaN or infinity")
            arrays.append(finite)
        weights[layer.name] = arrays
    return SourceModel(described_layers.name, origin, with_weights(described_layers.chain, weights), _keras_major(model))


def _keras_major(model: Any) -> int | None:
    """Of the Keras whose class the model is."""
    for base in type(model).__mro__:
        package = base.__module__.split(".")[0]
        if package in ("keras", "tf_keras"):
            return major_version(getattr(sys.modules.get(package), "__version__", None))
    return None
