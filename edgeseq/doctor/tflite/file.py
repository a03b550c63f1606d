"""Bounded reading of a .tflite: a damaged or hostile file ends in ModelError, never in another exception or a long loop.

Schema: tensorflow/compiler/mlir/lite/schema/schema.fbs, by the accessors of the package `tflite`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from edgeseq.errors import ModelError

IDENTIFIER = b"TFL3"
MAX_FILE_BYTES = 512 * 1024 * 1024
# More than any model for a small machine; bounds what a file whose tables point at each other can take.
MAX_RECORDS = 200_000
MAX_NAME = 200
_CUSTOM = tflite.BuiltinOperator.CUSTOM


def _names(holder: Any) -> dict[int, str]:
    return {value: name for name, value in vars(holder).items() if isinstance(value, int)}


OPERATOR_NAMES, TYPE_NAMES = _names(tflite.BuiltinOperator), _names(tflite.TensorType)


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """shape: as stored; open: axes whose size the caller chooses. scales: how many (0: none). data: of a constant, else empty."""

    name: str
    shape: tuple[int, ...]
    open: tuple[int, ...]
    kind: str
    scales: int
    scale: float
    axis: int
    variable: bool
    sparse: bool
    data: bytes

    @property
    def constant(self) -> bool:
        """Whether its values lie in the file."""
        return bool(self.data)


@dataclass(frozen=True, slots=True)
class OperatorInfo:
    """name: builtin, or the custom one's own. inputs, outputs: tensor numbers, -1 for none. options: those that rules read."""

    index: int
    name: str
    custom: bool
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SubgraphInfo:
    """Tensors, and operators in the order they run."""

    name: str
    tensors: tuple[TensorInfo, ...]
    operators: tuple[OperatorInfo, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def tensor(self, number: int) -> TensorInfo | None:
        """One tensor, None for an input that is left out."""
        return self.tensors[number] if 0 <= number < len(self.tensors) else None


@dataclass(frozen=True, slots=True)
class SignatureInfo:
    """An entry point: its names for a subgraph's inputs and outputs, to tensor numbers, in its own order."""

    key: str
    subgraph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TfliteFile:
    """A whole file. metadata: names of its entries."""

    origin: str
    size: int
    description: str
    subgraphs: tuple[SubgraphInfo, ...]
    signatures: tuple[SignatureInfo, ...]
    metadata: tuple[str, ...]

    @property
    def main(self) -> SubgraphInfo:
        """What an interpreter runs."""
        return self.subgraphs[0]


def open_tflite(path: Path) -> TfliteFile:
    """Read a file; ModelError says what is wrong with it."""
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ModelError(f"{path}: {size} bytes, more than the limit of {MAX_FILE_BYTES}")
    return read_tflite(path.read_bytes(), str(path))


def read_tflite(data: bytes, origin: str) -> TfliteFile:
    """Read the bytes of a file."""
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        what = "is empty" if not data else f"begins with {data[:8]!r}"
        raise ModelError(f"{origin}: {what}; a .tflite has {IDENTIFIER.decode()!r} at its fifth byte. Convert the model again")
    try:
        return _Reader(data, origin).read()
    # What the accessors raise where an offset leads out of the file.
    except (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError, KeyError, MemoryError) as error:
        raise ModelError(f"{origin}: damaged or cut off ({error}). Copy or convert it again") from error


class _Reader:
    def __init__(self, data: bytes, origin: str) -> None:
        self.data = data
        self.origin = origin
        self.records = 0
        # Copied so far: many records may point to one place.
        self.copied = 0

    def read(self) -> TfliteFile:
        model = tflite.Model.GetRootAs(self.data, 0)
        # A table's offset may point before the file, which Python's indexing would follow from its end.
        self.codes = self.all(model.OperatorCodesLength(), model.OperatorCodes, self.code)
        self.buffers = self.all(model.BuffersLength(), model.Buffers, self.buffer)
        subgraphs = self.all(model.SubgraphsLength(), model.Subgraphs, self.subgraph)
        if not subgraphs:
            raise ModelError(f"{self.origin}: holds no subgraph, so nothing to run. Convert the model again")
        signatures = self.all(model.SignatureDefsLength(), model.SignatureDefs, self.signature)
        metadata = self.all(model.MetadataLength(), model.Metadata, lambda entry: self.text(entry.Name()))
        for signature in signatures:
            if not 0 <= signature.subgraph < len(subgraphs):
                raise ValueError(f"signature {signature.key!r} names subgraph {signature.subgraph} of {len(subgraphs)}")
        return TfliteFile(self.origin, len(self.data), self.text(model.Description()), subgraphs, signatures, metadata)

    def all(self, count: int, at: Callable[[int], Any], make: Callable[[Any], Any]) -> tuple[Any, ...]:
        """The records of a vector."""
        self.records += count
        if count < 0 or self.records > MAX_RECORDS:
            raise ValueError(f"more than {MAX_RECORDS} records")
        found = []
        for index in range(count):
            table = at(index)
            if table._tab.Pos < 0 or table._tab.Pos > len(self.data):  # noqa: SLF001 - no public name for where a table lies
                raise ValueError("a table lies outside the file")
            found.append(make(table))
        return tuple(found)

    def text(self, value: bytes | None) -> str:
        self.copy(len(value or b""))
        return "" if value is None else value[:MAX_NAME].decode("utf-8", "replace")

    def copy(self, size: int) -> None:
        self.copied += size
        if self.copied > 4 * len(self.data):
            raise ValueError("records that overlap each other")

    def integers(self, table: Any, name: str) -> tuple[int, ...]:
        """A vector of int32."""
        count = getattr(table, f"{name}Length")()
        self.records += count // 64
        if self.records > MAX_RECORDS:
            raise ValueError(f"more than {MAX_RECORDS} records")
        if count == 0:
            return ()
        return tuple(int(value) for value in np.asarray(getattr(table, f"{name}AsNumpy")()))

    def code(self, code: Any) -> tuple[str, bool, int]:
        # Files before schema 3a have the old field alone; new ones write the larger of both.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        custom = number == _CUSTOM
        name = self.text(code.CustomCode()) if custom else OPERATOR_NAMES.get(number, f"operator {number}")
        return name, custom, int(code.Version())

    def buffer(self, buffer: Any) -> bytes:
        self.copy(buffer.DataLength())
        if buffer.DataLength() == 0:
            return b""
        return np.asarray(buffer.DataAsNumpy()).tobytes()

    def subgraph(self, graph: Any) -> SubgraphInfo:
        tensors = self.all(graph.TensorsLength(), graph.Tensors, self.tensor)
        operators = self.all(graph.OperatorsLength(), graph.Operators, self.operator)
        numbered = []
        for index, (name, custom, version, inputs, outputs, options) in enumerate(operators):
            numbered.append(OperatorInfo(index, name, custom, version, inputs, outputs, options))
        inputs, outputs = self.integers(graph, "Inputs"), self.integers(graph, "Outputs")
        used = [number for operator in numbered for number in (*operator.inputs, *operator.outputs)]
        for number in (*used, *inputs, *outputs):
            if not -1 <= number < len(tensors):
                raise ValueError(f"tensor {number} of {len(tensors)}")
        return SubgraphInfo(self.text(graph.Name()), tensors, tuple(numbered), inputs, outputs)

    def tensor(self, tensor: Any) -> TensorInfo:
        shape = self.integers(tensor, "Shape")
        signature = self.integers(tensor, "ShapeSignature") or shape
        quantization = tensor.Quantization()
        scales = 0 if quantization is None else int(quantization.ScaleLength())
        return TensorInfo(
            self.text(tensor.Name()),
            shape,
            tuple(axis for axis, size in enumerate(signature) if size < 0),
            TYPE_NAMES.get(tensor.Type(), f"type {tensor.Type()}"),
            scales,
            float(quantization.Scale(0)) if scales else 0.0,
            0 if quantization is None else int(quantization.QuantizedDimension()),
            bool(tensor.IsVariable()),
            tensor.Sparsity() is not None,
            self.buffers[tensor.Buffer()] if self.buffers else b"",
        )

    def operator(self, operator: Any) -> tuple[str, bool, int, tuple[int, ...], tuple[int, ...], dict[str, Any]]:
        name, custom, version = self.codes[operator.OpcodeIndex()]
        options = operator.BuiltinOptions()
        told: dict[str, Any] = {}
        if options is not None and name in _OPTIONS:
            kind, fields = _OPTIONS[name]
            table = getattr(tflite, kind)()
            table.Init(options.Bytes, options.Pos)
            for key, field in fields.items():
                value = getattr(table, field)()
                told[key] = self.text(value) if isinstance(value, bytes) else value
        return name, custom, version, self.integers(operator, "Inputs"), self.integers(operator, "Outputs"), told

    def signature(self, signature: Any) -> SignatureInfo:
        def maps(count: int, at: Callable[[int], Any]) -> dict[str, int]:
            return dict(self.all(count, at, lambda entry: (self.text(entry.Name()), int(entry.TensorIndex()))))

        inputs = maps(signature.InputsLength(), signature.Inputs)
        outputs = maps(signature.OutputsLength(), signature.Outputs)
        return SignatureInfo(self.text(signature.SignatureKey()), int(signature.SubgraphIndex()), inputs, outputs)


# Operator -> (its table of options, what is read of it).
_OPTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "WHILE": ("WhileOptions", {"cond": "CondSubgraphIndex", "body": "BodySubgraphIndex"}),
    "CALL_ONCE": ("CallOnceOptions", {"graph": "InitSubgraphIndex"}),
    "VAR_HANDLE": ("VarHandleOptions", {"container": "Container", "name": "SharedName"}),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ("UnidirectionalSequenceLSTMOptions", {"time_major": "TimeMajor"}),
}
