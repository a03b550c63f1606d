"""A .keras file (Keras 3): a zip of config.json and model.weights.h5.

The archive is read in memory, member by member, under size limits; nothing is
unpacked to disk and no path in it is followed.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import h5py

from edgeseq.errors import ModelError
from edgeseq.frontend.hdf5 import open_hdf5, read_array
from edgeseq.frontend.keras_config import ordered_layers
from edgeseq.frontend.source import MAX_FILE_BYTES, SourceModel, major_version, with_weights

CONFIG_MEMBER, WEIGHTS_MEMBER, METADATA_MEMBER = "config.json", "model.weights.h5", "metadata.json"
MAX_CONFIG_BYTES = 16 * 1024 * 1024


def read_keras_file(path: Path) -> SourceModel:
    """Read a .keras file."""
    origin = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            config_bytes = _member(archive, CONFIG_MEMBER, MAX_CONFIG_BYTES, origin)
            weight_bytes = _member(archive, WEIGHTS_MEMBER, MAX_FILE_BYTES, origin)
            major = _keras_major(archive, origin)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise ModelError(
            f"{origin}: not a readable .keras archive ({error}). A .keras file is a zip written by model.save('m.keras')."
        ) from error
    try:
        config = json.loads(config_bytes)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{origin}: {CONFIG_MEMBER} is not valid JSON ({error})") from error
    try:
        model = ordered_layers(config, origin)
    except RecursionError as error:
        raise ModelError(f"{origin}: {CONFIG_MEMBER} is nested too deeply") from error
    with open_hdf5(io.BytesIO(weight_bytes), origin) as file:
        stores = _layer_stores(file)
        counts: dict[str, int] = {}
        weights = {}
        for class_name, layer_name in model.stored:
            snake = _snake_case(class_name)
            index = counts.get(snake, 0)
            counts[snake] = index + 1
            store = stores.get(layer_name) or stores.get(f"/{snake}_{index}" if index else f"/{snake}")
            if store is not None:
                weights[layer_name] = _weights(store, f"{origin}: layer {layer_name!r}")
    return SourceModel(model.name, origin, with_weights(model.chain, weights), major)


def _keras_major(archive: zipfile.ZipFile, origin: str) -> int | None:
    """Of the Keras that wrote the archive; None where its metadata is missing or says nothing."""
    if METADATA_MEMBER not in archive.namelist():
        return None
    try:
        metadata = json.loads(_member(archive, METADATA_MEMBER, MAX_CONFIG_BYTES, origin))
    except (ValueError, RecursionError):
        return None
    return major_version(metadata.get("keras_version")) if isinstance(metadata, dict) else None


def _member(archive: zipfile.ZipFile, name: str, limit: int, origin: str) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise ModelError(f"{origin}: the archive has no {name}; expected a file written by model.save('m.keras')") from None
    if info.file_size > limit:
        raise ModelError(f"{origin}: {name} unpacks to {info.file_size} bytes, more than the limit of {limit}")
    with archive.open(info) as stream:
        data = stream.read(limit + 1)  # the header's size may lie; the limit does not
    if len(data) > limit:
        raise ModelError(f"{origin}: {name} unpacks to more than the limit of {limit} bytes")
    return data


def _snake_case(class_name: str) -> str:
    """Name of the layer's weight group: Keras' own rule (SimpleRNN -> simple_rnn)."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _layer_stores(file: h5py.File) -> dict[str, h5py.Group]:
    """Weight groups by layer name where the file tells it (Keras >= 3.6), and by '/group name'."""
    stores: dict[str, h5py.Group] = {}
    layers = file.get("layers") or file.get("_layer_checkpoint_dependencies")
    if not isinstance(layers, h5py.Group):
        return stores
    for group_name, group in layers.items():
        if not isinstance(group, h5py.Group):
            continue
        stores[f"/{group_name}"] = group
        told = group["vars"].attrs.get("name") if isinstance(group.get("vars"), h5py.Group) else None
        if isinstance(told, str):
            stores[told] = group
    return stores


def _weights(store: h5py.Group, where: str) -> list[Any]:
    """Arrays of the layer, then of its cell or of the layer that it wraps: the order that get_weights() has."""
    arrays = []
    inner = [store[name].get("vars") for name in ("cell", "layer") if isinstance(store.get(name), h5py.Group)]
    for holder in (store.get("vars"), *inner):
        if isinstance(holder, h5py.Group):
            keys = sorted(holder, key=lambda text: (len(text), text))
            arrays += [read_array(holder[key], f"{where}, weight {key}") for key in keys]
    return arrays
