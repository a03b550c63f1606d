"""Records of a .tflite file, and how they become bytes.

Schema: tensorflow/compiler/mlir/lite/schema/schema.fbs, by the accessors of the package `tflite`. Whatever two records
have in common (shapes, quantisation, options, constants) is stored once: a flatbuffer may point to a table twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import flatbuffers
import numpy as np
import numpy.typing as npt
import tflite

# Runtimes map constants in place: the schema aligns buffers so.
_ALIGNMENT = 16
_FILE_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
# The old field for operator codes ends here; what is beyond stands in the new one alone.
_LAST_OLD_CODE = 127

Value: TypeAlias = "float | bytes | tuple[int, ...]"
Fields: TypeAlias = "tuple[tuple[str, Value], ...]"


@dataclass(frozen=True, slots=True)
class Quantization:
    """real = scale * (q - zero_point). scale: one value, or one for each place along an axis, as float32 bytes."""

    scale: bytes
    zero_point: int = 0
    axis: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """The options table of an operator: its type, and the fields that differ from their defaults."""

    name: str
    fields: Fields = ()


@dataclass(slots=True)
class TensorRecord:
    """One tensor of a subgraph. data: of a constant; variable: the interpreter keeps it from one call to the next."""

    shape: tuple[int, ...]
    kind: int
    quantization: Quantization | None = None
    data: bytes | None = None
    name: str = ""
    variable: bool = False


@dataclass(frozen=True, slots=True)
class OperatorRecord:
    """One operator: builtin code, its version, tensors by number, -1 for an input that is absent.

    intermediates: tensors that only say in which steps an operator computes inside.
    """

    code: int
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options | None = None
    intermediates: tuple[int, ...] = ()


@dataclass(slots=True)
class SubgraphRecord:
    """Tensors and operators that run one after another."""

    name: str
    tensors: list[TensorRecord] = field(default_factory=list)
    operators: list[OperatorRecord] = field(default_factory=list)
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SignatureRecord:
    """An entry point: names of a subgraph's inputs and outputs, to tensor numbers."""

    key: str
    subgraph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(slots=True)
class FileRecord:
    """A whole file. metadata: name -> bytes."""

    description: str
    subgraphs: list[SubgraphRecord]
    signatures: list[SignatureRecord]
    metadata: Mapping[str, bytes] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The file; the same records give the same bytes."""
        return _Writer(self).finish()


class _Writer:
    """Builds the flatbuffer from its leaves up."""

    def __init__(self, record: FileRecord) -> None:
        self.record = record
        self.builder = flatbuffers.Builder(1 << 16)
        self.known: dict[Any, int] = {}
        self.buffers: dict[bytes, int] = {}
        self.codes: dict[tuple[int, int], int] = {}

    def finish(self) -> bytes:
        for graph in self.record.subgraphs:
            for tensor in graph.tensors:
                if tensor.data is not None:
                    self.buffers.setdefault(tensor.data, len(self.buffers) + 1)
        for data in self.record.metadata.values():
            self.buffers.setdefault(data, len(self.buffers) + 1)
        subgraphs = [self._subgraph(graph) for graph in self.record.subgraphs]
        metadata = [
            self._table("Metadata", (("Name", self._string(name)), ("Buffer", self.buffers[data])))
            for name, data in self.record.metadata.items()
        ]
        signatures = [self._signature(signature) for signature in self.record.signatures]
        parts = (
            ("Version", _SCHEMA_VERSION),
            ("OperatorCodes", self._offsets([self._code(*code) for code in self.codes])),
            ("Subgraphs", self._offsets(subgraphs)),
            ("Description", self._string(self.record.description)),
            # Buffer 0 is the empty one, of all tensors that are computed.
            ("Buffers", self._offsets([self._table("Buffer", ()), *map(self._buffer, self.buffers)])),
            ("Metadata", self._offsets(metadata)),
            ("SignatureDefs", self._offsets(signatures)),
        )
        self.builder.Finish(self._table("Model", parts), _FILE_IDENTIFIER)
        return bytes(self.builder.Output())

    def _subgraph(self, graph: SubgraphRecord) -> int:
        tensors = self._offsets([self._tensor(tensor) for tensor in graph.tensors])
        operators = self._offsets([self._operator(operator) for operator in graph.operators])
        parts = (
            ("Tensors", tensors),
            ("Inputs", self._integers(graph.inputs)),
            ("Outputs", self._integers(graph.outputs)),
            ("Operators", operators),
            ("Name", self._string(graph.name)),
        )
        return self._table("SubGraph", parts)

    def _tensor(self, tensor: TensorRecord) -> int:
        parts: list[tuple[str, int]] = [("Shape", self._integers(tensor.shape)), ("Type", tensor.kind)]
        if tensor.data is not None:
            parts.append(("Buffer", self.buffers[tensor.data]))
        if tensor.variable:
            parts.append(("IsVariable", True))
        if tensor.name:
            parts.append(("Name", self._string(tensor.name)))
        if tensor.quantization is not None:
            parts.append(("Quantization", self._quantization(tensor.quantization)))
        return self._table("Tensor", parts)

    def _quantization(self, value: Quantization) -> int:
        def make() -> int:
            scale = np.frombuffer(value.scale, np.float32)
            points = np.full(scale.size, value.zero_point, np.int64)
            arrays = (("Scale", self._array(scale)), ("ZeroPoint", self._array(points)))
            parts = (*arrays, ("QuantizedDimension", value.axis))
            return self._table("QuantizationParameters", parts)

        return self._once(("quantization", value), make)

    def _operator(self, operator: OperatorRecord) -> int:
        code = self.codes.setdefault((operator.code, operator.version), len(self.codes))
        parts: list[tuple[str, int]] = [
            ("OpcodeIndex", code),
            ("Inputs", self._integers(operator.inputs)),
            ("Outputs", self._integers(operator.outputs)),
        ]
        if operator.intermediates:
            parts.append(("Intermediates", self._integers(operator.intermediates)))
        if operator.options is not None:
            parts.append(("BuiltinOptionsType", getattr(tflite.BuiltinOptions, operator.options.name)))
            parts.append(("BuiltinOptions", self._options(operator.options)))
        return self._table("Operator", parts)

    def _options(self, options: Options) -> int:
        def make() -> int:
            parts = [(name, self._field(value)) for name, value in options.fields]
            return self._table(options.name, parts)

        return self._once(("options", options), make)

    def _field(self, value: Value) -> float:
        if isinstance(value, bytes):
            return self._string(value.decode())
        return self._integers(value) if isinstance(value, tuple) else value

    def _code(self, code: int, version: int) -> int:
        parts = (("DeprecatedBuiltinCode", min(code, _LAST_OLD_CODE)), ("Version", version), ("BuiltinCode", code))
        return self._table("OperatorCode", parts)

    def _buffer(self, data: bytes) -> int:
        self.builder.StartVector(1, len(data), _ALIGNMENT)
        self.builder.head = self.builder.head - len(data)
        self.builder.Bytes[self.builder.head : self.builder.head + len(data)] = data
        return self._table("Buffer", (("Data", self.builder.EndVector()),))

    def _signature(self, signature: SignatureRecord) -> int:
        def maps(entries: Mapping[str, int]) -> int:
            made = [
                self._table("TensorMap", (("Name", self._string(name)), ("TensorIndex", index)))
                for name, index in entries.items()
            ]
            return self._offsets(made)

        parts = (
            ("Inputs", maps(signature.inputs)),
            ("Outputs", maps(signature.outputs)),
            ("SignatureKey", self._string(signature.key)),
            ("SubgraphIndex", signature.subgraph),
        )
        return self._table("SignatureDef", parts)

    def _table(self, name: str, parts: Sequence[tuple[str, float]]) -> int:
        """Write a table of fields that are offsets or numbers; those at their defaults take no room."""
        getattr(tflite, f"{name}Start")(self.builder)
        for part, value in parts:
            getattr(tflite, f"{name}Add{part}")(self.builder, value)
        end: int = getattr(tflite, f"{name}End")(self.builder)
        return end

    def _once(self, key: Any, make: Callable[[], int]) -> int:
        if key not in self.known:
            self.known[key] = make()
        return self.known[key]

    def _integers(self, values: tuple[int, ...]) -> int:
        return self._array(np.array(values, np.int32))

    def _array(self, values: npt.NDArray[Any]) -> int:
        return self._once((values.dtype.name, values.tobytes()), lambda: self.builder.CreateNumpyVector(values))

    def _string(self, text: str) -> int:
        return self._once(("string", text), lambda: self.builder.CreateString(text))

    def _offsets(self, offsets: Sequence[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        end: int = self.builder.EndVector()
        return end
