"""Bounded reading of an .onnx file: sizes are checked before any array is made, and no path leads out of its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.errors import MissingExtraError, ModelError, UnsupportedModelError
from edgeseq.frontend.source import MAX_FILE_BYTES, MAX_WEIGHTS_PER_ARRAY

MIN_OPSET = 7  # the GRU and LSTM of today
MAX_NODES = 20_000
EXPORT_AGAIN = "Export again with opset_version=18"


@dataclass(frozen=True, slots=True, eq=False)
class OnnxFile:
    """graph: a GraphProto whose local functions are written out; folder: where external data may lie."""

    origin: str
    graph: Any
    opset: int
    folder: Path


def import_onnx() -> Any:
    """Return the onnx package, or raise MissingExtraError."""
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("onnx", "onnx") from error
    return onnx


def open_onnx(path: Path) -> OnnxFile:
    """Parse the file; ModelError says what is wrong with it."""
    onnx = import_onnx()
    origin, size = str(path), path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ModelError(f"{origin}: {size} bytes, more than the limit of {MAX_FILE_BYTES}")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    # protobuf's DecodeError is a plain Exception in its pure Python form, a ValueError in others.
    except Exception as error:
        raise ModelError(f"{origin}: not a readable ONNX model ({error}). It may be truncated; export it again") from error
    if not model.graph.node:
        raise ModelError(f"{origin}: holds no ONNX graph. Export it again with torch.onnx.export() or tf2onnx")
    if len(model.graph.node) > MAX_NODES:
        raise ModelError(f"{origin}: {len(model.graph.node)} nodes, more than the limit of {MAX_NODES}")
    opset = _opset(onnx, model, origin)
    if model.functions:
        model = _inlined(model, origin)
    return OnnxFile(origin, model.graph, opset, path.parent)


def _opset(onnx: Any, model: Any, origin: str) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if not versions:
        raise ModelError(f"{origin}: names no version of the ONNX operators. {EXPORT_AGAIN}")
    opset, newest = int(max(versions)), int(onnx.defs.onnx_opset_version())
    if opset < MIN_OPSET:
        raise UnsupportedModelError(
            f"{origin}: opset {opset} is older than {MIN_OPSET}, the oldest that is read. {EXPORT_AGAIN}, or convert the file "
            "with onnx.version_converter"
        )
    if opset > newest:
        raise UnsupportedModelError(
            f"{origin}: opset {opset} is newer than {newest}, the newest that onnx {onnx.__version__} knows. "
            f"{EXPORT_AGAIN}, or upgrade onnx"
        )
    return opset


def _inlined(model: Any, origin: str) -> Any:
    """The model with its local functions written out."""
    from onnx import inliner

    try:
        model = inliner.inline_local_functions(model)
    except Exception as error:  # onnx raises RuntimeError, and its own classes
        raise ModelError(f"{origin}: its local functions cannot be written out ({error})") from error
    if len(model.graph.node) > MAX_NODES:
        raise ModelError(f"{origin}: its functions unfold to {len(model.graph.node)} nodes; the limit is {MAX_NODES}")
    return model


def read_tensor(file: OnnxFile, tensor: Any, what: str) -> npt.NDArray[Any]:
    """Return a TensorProto as an array of its own type; refuse absurd sizes, text, and data outside the folder."""
    onnx = import_onnx()
    where = f"{file.origin}: {what}"
    if not isinstance(tensor, onnx.TensorProto):
        raise ModelError(f"{where}: is a {type(tensor).__name__}; expected a tensor. The file may be damaged, export it again")
    count = int(np.prod([int(size) for size in tensor.dims], dtype=object)) if tensor.dims else 1
    if any(size < 0 for size in tensor.dims) or count > MAX_WEIGHTS_PER_ARRAY:
        raise ModelError(f"{where}: shape {list(tensor.dims)} is more than {MAX_WEIGHTS_PER_ARRAY} values; refusing to read it")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        tensor = _with_external(onnx, file, tensor, where)
    try:
        values = np.asarray(onnx.numpy_helper.to_array(tensor))
    except Exception as error:  # ValueError, TypeError, KeyError, and onnx' own
        raise ModelError(f"{where}: its values do not fit its shape {list(tensor.dims)} ({error})") from error
    if values.dtype.kind not in "fiub":
        raise ModelError(f"{where}: expected numbers, found {values.dtype}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int(values.size - np.isfinite(values).sum())
        raise ModelError(f"{where}: {bad} of {values.size} values are NaN or infinite. Train again with a lower learning rate.")
    return values


def _with_external(onnx: Any, file: OnnxFile, tensor: Any, where: str) -> Any:
    """A copy of the tensor with the data that lies in a file beside the model."""
    told = {as_text(entry.key): as_text(entry.value) for entry in tensor.external_data}
    name = told.get("location", "")
    place = PurePosixPath(name)
    if not name or place.is_absolute() or ".." in place.parts or "\\" in name or "\0" in name:
        raise ModelError(f"{where}: points outside the model's folder ({name!r}); refusing to follow it")
    path = file.folder / place
    if not path.resolve().is_relative_to(file.folder.resolve()):
        raise ModelError(f"{where}: points outside the model's folder ({name!r}); refusing to follow it")
    if not path.is_file():
        raise ModelError(
            f"{where}: its values lie in {name!r}, which is not beside the model. Copy both files, "
            "or export with torch.onnx.export(..., external_data=False)"
        )
    try:
        offset, length = int(told.get("offset", 0)), int(told.get("length", path.stat().st_size))
    except ValueError:
        raise ModelError(f"{where}: offset and length in {name!r} are not numbers; export it again") from None
    if offset < 0 or not 0 <= length <= MAX_FILE_BYTES or offset + length > path.stat().st_size:
        raise ModelError(f"{where}: bytes {offset} to {offset + length} of {name!r}, which has {path.stat().st_size}")
    with path.open("rb") as stream:
        stream.seek(offset)
        data = stream.read(length)
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    copy.ClearField("external_data")
    copy.data_location = onnx.TensorProto.DEFAULT
    copy.raw_data = data
    return copy


def as_text(value: str | bytes) -> str:
    """Protobuf hands text that is not UTF-8 on as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
