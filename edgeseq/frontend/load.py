"""The front door of the room: a path or a live model -> Graph or Inspection."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseq.errors import ModelError, UnsupportedModelError
from edgeseq.frontend.convert import LayerReport, convert
from edgeseq.frontend.h5_file import read_h5_file
from edgeseq.frontend.keras_file import read_keras_file
from edgeseq.frontend.live import read_live_model
from edgeseq.frontend.onnx import read_onnx_file
from edgeseq.frontend.source import SourceModel
from edgeseq.graph import Graph

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What edgeseq makes of a model, layer by layer.

    parameters: trainable numbers as the file stores them.
    """

    name: str
    layers: tuple[LayerReport, ...]
    parameters: int

    @property
    def supported(self) -> bool:
        """Whether every layer can become integer code."""
        return all(layer.supported for layer in self.layers)


def inspect_model(model: str | Path | Any) -> Inspection:
    """Say of every layer whether it is supported, and why not. Raises ModelError if unreadable."""
    source = read_source(model)
    conversion = convert(source)
    return Inspection(source.name, conversion.rows, conversion.parameters)


def load_model(model: str | Path | Any) -> Graph:
    """Read a .keras, .h5 or .onnx file, or a live Keras model, into a Graph.

    Raises ModelError if it cannot be read and UnsupportedModelError, naming every
    refused layer with its reason, if it cannot be converted.
    """
    source = read_source(model)
    conversion = convert(source)
    if conversion.graph is None:
        reasons = "\n".join(f"  layer {refusal.layer!r}: {refusal.reason}" for refusal in conversion.refusals)
        raise UnsupportedModelError(f"{source.origin}: cannot be converted\n{reasons}")
    return conversion.graph


def read_source(model: str | Path | Any) -> SourceModel:
    """The layers of a file or a live model, before any is judged. Raises ModelError if unreadable."""
    if not isinstance(model, str | Path):
        if hasattr(model, "get_config") and hasattr(model, "layers"):
            return read_live_model(model)
        raise ModelError(f"cannot read a model from a {type(model).__name__}; expected a path or a Keras model")
    path = Path(model)
    if path.is_dir():
        raise ModelError(f"{path}: is a folder (a SavedModel?). Save the model as one file: model.save('m.keras')")
    try:
        with path.open("rb") as file:
            magic = file.read(8)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    if path.suffix.lower() == ".onnx":
        return read_onnx_file(path)
    if magic == HDF5_MAGIC:
        return read_h5_file(path)
    if zipfile.is_zipfile(path):
        return read_keras_file(path)
    raise ModelError(
        f"{path}: neither a .keras archive nor an HDF5 file (it may be truncated). Save it again with model.save(); "
        "an ONNX model is known by its name, FILE.onnx"
    )
