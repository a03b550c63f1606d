"""A legacy .h5 file: the config is an attribute, weights lie under model_weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py

from edgeseq.errors import ModelError
from edgeseq.frontend.hdf5 import open_hdf5, read_array
from edgeseq.frontend.keras_config import ordered_layers
from edgeseq.frontend.source import MAX_FILE_BYTES, SourceModel, every_layer, major_version, with_weights


def read_h5_file(path: Path) -> SourceModel:
    """Read a model saved by Keras 2, tf_keras, or Keras 3's legacy format."""
    origin = str(path)
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ModelError(f"{origin}: {path.stat().st_size} bytes, more than the limit of {MAX_FILE_BYTES}")
    with open_hdf5(path, origin) as file:
        text = file.attrs.get("model_config")
        if text is None:
            raise ModelError(f"{origin}: holds weights but no model config. Save with model.save(), not save_weights().")
        try:
            config = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{origin}: model_config is not valid JSON ({error})") from error
        model = ordered_layers(config, origin)
        major = major_version(file.attrs.get("keras_version"))
        root = file.get("model_weights")
        weights = {}
        for layer in every_layer(model.chain):
            group = root.get(layer.name) if isinstance(root, h5py.Group) else None
            if isinstance(group, h5py.Group):
                weights[layer.name] = _weights(group, f"{origin}: layer {layer.name!r}")
    return SourceModel(model.name, origin, with_weights(model.chain, weights), major)


def _weights(group: h5py.Group, where: str) -> list[Any]:
    names = group.attrs.get("weight_names", [])
    arrays = []
    for raw in names:
        key = raw.decode() if isinstance(raw, bytes) else str(raw)
        if key not in group:
            raise ModelError(f"{where}: weight {key!r} is named but missing")
        arrays.append(read_array(group[key], f"{where}, weight {key}"))
    return arrays
