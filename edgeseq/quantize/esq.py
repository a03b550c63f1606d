"""The .esq file: a QuantGraph on disk. Format in docs/esq.md.

Layout: 8-byte magic, uint32 version, uint64 payload size, 32-byte SHA-256 of the
payload, payload. The payload is a uint32 length, that many bytes of JSON, then the
arrays it refers to, little-endian and back to back. No pickle, no timestamp: the
same graph gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import operator
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.arith.scale import Scale
from edgeseq.errors import QuantizedFileError
from edgeseq.files import write_atomically
from edgeseq.graph import FIXED_TYPES, Graph, Normalization
from edgeseq.graph import LAYER_TYPES as FLOAT_LAYER_TYPES
from edgeseq.quantize.types import LAYER_TYPES, Factor, Matvec, QuantGraph, QuantInput
from edgeseq.quantize.validate import validate

MAGIC = b"edgeseq\x00"
VERSION = 2
_HEADER = struct.Struct("<8sIQ32s")
_DTYPES = {"int8", "int16", "int32", "float32", "float64"}
MAX_FILE_BYTES = 1 << 30

# The only types that a file may name.
_TYPES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        QuantGraph,
        QuantInput,
        Matvec,
        Factor,
        *LAYER_TYPES,
        Scale,
        Graph,
        Normalization,
        *FLOAT_LAYER_TYPES,
        *FIXED_TYPES,
    )
}


def write_esq(graph: QuantGraph, path: Path) -> None:
    """Write the graph; the file appears whole or not at all."""
    write_atomically(path, to_bytes(graph))


def read_esq(path: Path) -> QuantGraph:
    """Read a file that `write_esq` made. Raises QuantizedFileError on any damage."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise QuantizedFileError(f"{path}: {path.stat().st_size} bytes, more than the limit of {MAX_FILE_BYTES}")
        data = path.read_bytes()
    except FileNotFoundError:
        raise QuantizedFileError(f"{path}: no such file") from None
    except OSError as error:
        raise QuantizedFileError(f"{path}: cannot be read ({error.strerror})") from error
    return from_bytes(data, str(path))


def to_bytes(graph: QuantGraph) -> bytes:
    """Return the .esq bytes of a graph."""
    blobs: list[bytes] = []
    tree = json.dumps(_encode(graph, blobs), sort_keys=True, separators=(",", ":")).encode()
    payload = struct.pack("<I", len(tree)) + tree + b"".join(blobs)
    return _HEADER.pack(MAGIC, VERSION, len(payload), hashlib.sha256(payload).digest()) + payload


def from_bytes(data: bytes, origin: str = "<bytes>") -> QuantGraph:
    """Parse .esq bytes. Raises QuantizedFileError on any damage."""
    again = "Run edgeseq quantize again."
    if len(data) < _HEADER.size or not data.startswith(MAGIC):
        raise QuantizedFileError(f"{origin}: not a .esq file (or cut off within its first {_HEADER.size} bytes)")
    _, version, size, digest = _HEADER.unpack_from(data)
    if version != VERSION:
        raise QuantizedFileError(f"{origin}: format version {version}; this edgeseq reads version {VERSION}. {again}")
    payload = data[_HEADER.size :]
    if len(payload) != size:
        raise QuantizedFileError(f"{origin}: {len(payload)} payload bytes, header says {size}; the file is truncated. {again}")
    if hashlib.sha256(payload).digest() != digest:
        raise QuantizedFileError(f"{origin}: checksum mismatch, the file is damaged. {again}")
    try:
        (length,) = struct.unpack_from("<I", payload)
        tree = json.loads(payload[4 : 4 + length])
        graph = _decode(tree, payload[4 + length :])
        problem = validate(graph) if isinstance(graph, QuantGraph) else "does not hold a quantised graph"
    except (struct.error, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise QuantizedFileError(f"{origin}: the checksum fits but the content does not ({error})") from error
    if problem:
        raise QuantizedFileError(f"{origin}: {problem}")
    return graph


def _encode(value: Any, blobs: list[bytes]) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _encode(getattr(value, f.name), blobs) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, np.ndarray):
        array = _shortest(value)
        offset = sum(map(len, blobs))
        blobs.append(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
        return {"type": "array", "dtype": array.dtype.name, "shape": list(array.shape), "offset": offset}
    if isinstance(value, tuple):
        return [_encode(item, blobs) for item in value]
    return value


def _shortest(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Store float64 as float32 where that loses nothing, which holds for Keras weights."""
    if array.dtype == np.float64:
        single = array.astype(np.float32)
        if np.array_equal(single.astype(np.float64), array):
            return single
    return array


def _decode(node: Any, blob: bytes) -> Any:
    if isinstance(node, list):
        return tuple(_decode(item, blob) for item in node)
    if not isinstance(node, dict):
        return node
    kind = node.pop("type")
    if kind == "array":
        if node["dtype"] not in _DTYPES:
            raise ValueError(f"array dtype {node['dtype']!r}")
        dtype = np.dtype(node["dtype"]).newbyteorder("<")
        shape = [operator.index(size) for size in node["shape"]]
        if any(size < 0 for size in shape):
            raise ValueError(f"array shape {shape}")
        flat = np.frombuffer(blob, dtype, count=math.prod(shape), offset=node["offset"])
        native = flat.reshape(shape).astype(np.dtype(node["dtype"]))
        return native.astype(np.float64) if native.dtype == np.float32 else native
    return _TYPES[kind](**{key: _decode(item, blob) for key, item in node.items()})
