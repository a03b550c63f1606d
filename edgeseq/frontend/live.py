"""A live Keras model, read through its public methods; Keras itself is not imported here."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from edgeseq.errors import ModelError
from edgeseq.frontend.keras_config import ordered_layers
from edgeseq.frontend.source import SourceLayer, SourceModel, as_finite_float64, major_version


def read_live_model(model: Any) -> SourceModel:
    """Read a built keras.Sequential or keras.Model object."""
    origin = f"live model {getattr(model, 'name', '?')!r}"
    if not getattr(model, "built", True):
        raise ModelError(f"{origin} is not built. Call it once, or add keras.Input.")
    described = {"class_name": type(model).__name__, "config": model.get_config()}
    name, layers = ordered_layers(described, origin)
    by_name = {layer.name: layer for layer in model.layers}
    source = []
    for layer_name, class_name, config in layers:
        weights = []
        for index, array in enumerate(by_name[layer_name].get_weights() if layer_name in by_name else []):
            finite = as_finite_float64(np.asarray(array))
            if finite is None:
                raise ModelError(f"{origin}: layer {layer_name!r}, weight {index} holds NaN or infinity")
            weights.append(finite)
        source.append(SourceLayer(layer_name, class_name, config, tuple(weights)))
    return SourceModel(name, origin, tuple(source), _keras_major(model))


def _keras_major(model: Any) -> int | None:
    """Of the Keras whose class the model is."""
    for base in type(model).__mro__:
        package = base.__module__.split(".")[0]
        if package in ("keras", "tf_keras"):
            return major_version(getattr(sys.modules.get(package), "__version__", None))
    return None
