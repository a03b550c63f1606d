"""A minimal .tflite writer for tests: tensors and built-in operators, nothing else."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgeseq.arith.scale import Scale

Op = schema.BuiltinOperator


class StepGraph:
    """Collects tensors and operators of one subgraph, then packs them."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = "integer rule check"
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.name = "main"
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []
        self._codes: dict[int, int] = {}

    def tensor(
        self,
        shape: tuple[int, ...],
        dtype: str,
        scale: Scale | np.ndarray | None = None,
        zero_point: int = 0,
        data: np.ndarray | None = None,
    ) -> int:
        """Add a tensor and return its index. An array of scales is per output channel."""
        tensor = schema.TensorT()
        tensor.name = f"t{len(self.graph.tensors)}"
        tensor.shape = list(shape)
        tensor.type = getattr(schema.TensorType, dtype.upper())
        if scale is not None:
            values = np.atleast_1d(scale.value if isinstance(scale, Scale) else scale)
            single = values.astype(np.float32)
            assert np.array_equal(single.astype(np.float64), values), "scale is not exact in float32"
            quantization = schema.QuantizationParametersT()
            quantization.scale = single.tolist()
            quantization.zeroPoint = [zero_point] * len(single)
            tensor.quantization = quantization
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def op(self, code: int, inputs: list[int], output: int, options: Any = None, kind: str = "", version: int = 1) -> int:
        """Add an operator with one output; returns that output's index."""
        if code not in self._codes:
            entry = schema.OperatorCodeT()
            entry.builtinCode = code
            entry.deprecatedBuiltinCode = min(code, 127)
            entry.version = version
            self._codes[code] = len(self.model.operatorCodes)
            self.model.operatorCodes.append(entry)
        operator = schema.OperatorT()
        operator.opcodeIndex = self._codes[code]
        operator.inputs, operator.outputs = inputs, [output]
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        self.graph.operators.append(operator)
        return output

    def pack(self) -> bytes:
        """Return the .tflite file."""
        self.model.subgraphs = [self.graph]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
