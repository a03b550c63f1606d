"""What the rules read of an ONNX model: its nodes in all graphs, its inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseq.errors import ModelError
from edgeseq.frontend.onnx.file import MAX_NODES, as_text, import_onnx
from edgeseq.frontend.source import MAX_FILE_BYTES

# Bodies of loops lie inside one another; no exporter goes deeper.
_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """One node. name: its own, or its operator and place. depth: 0 in the main graph, more inside a loop or branch."""

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    depth: int


@dataclass(frozen=True, slots=True)
class Port:
    """sizes: of each axis, its name or ? where it is open. open: those axes."""

    name: str
    sizes: tuple[str, ...]
    open: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExternalData:
    """Weights in a file of their own: its name, and whether it lies beside the model."""

    location: str
    present: bool


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A whole file. domains: of operators -> version. ir: of the file format. constants: names of the main graph's weights."""

    path: Path
    producer: str
    ir: int
    opset: int
    domains: Mapping[str, int]
    nodes: tuple[NodeInfo, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    constants: frozenset[str]
    external: tuple[ExternalData, ...]


def read_model(path: Path) -> OnnxModel:
    """Parse a file; ModelError says what is wrong with it. No weight is read."""
    onnx = import_onnx()
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ModelError(f"{path}: {size} bytes, more than the limit of {MAX_FILE_BYTES}")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except Exception as error:  # DecodeError is a plain Exception in protobuf's pure Python form
        raise ModelError(f"{path}: not a readable ONNX model ({error}). It may be truncated; export it again") from error
    graph = model.graph
    if not graph.node:
        raise ModelError(f"{path}: holds no ONNX graph. Export it again with torch.onnx.export() or tf2onnx")
    domains = {as_text(entry.domain): int(entry.version) for entry in model.opset_import}
    opset = max((version for domain, version in domains.items() if domain in ("", "ai.onnx")), default=0)
    nodes = [node for body in (graph.node, *(function.node for function in model.functions)) for node in _walk(onnx, body, path)]
    if len(nodes) > MAX_NODES:
        raise ModelError(f"{path}: {len(nodes)} nodes, more than the limit of {MAX_NODES}")
    constants = frozenset(as_text(tensor.name) for tensor in graph.initializer)
    inputs = tuple(_port(value) for value in graph.input if value.name not in constants)
    return OnnxModel(
        path,
        f"{as_text(model.producer_name)} {as_text(model.producer_version)}".strip(),
        int(model.ir_version),
        opset,
        domains,
        tuple(nodes),
        inputs,
        tuple(_port(value) for value in graph.output),
        constants,
        tuple(_external(onnx, graph.initializer, path)),
    )


def _walk(onnx: Any, nodes: Any, path: Path, depth: int = 0) -> Iterator[NodeInfo]:
    """All nodes, those of loops and branches behind the node that holds them."""
    if depth > _MAX_DEPTH:
        raise ModelError(f"{path}: loops and branches nested more than {_MAX_DEPTH} deep; the file may be damaged")
    for index, node in enumerate(nodes):
        attributes: dict[str, Any] = {}
        bodies = []
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                bodies.append(attribute.g)
            elif attribute.type in (onnx.AttributeProto.INT, onnx.AttributeProto.FLOAT, onnx.AttributeProto.STRING):
                attributes[as_text(attribute.name)] = onnx.helper.get_attribute_value(attribute)
        op = as_text(node.op_type)
        name = as_text(node.name).strip("/") or f"{op}_{index}"
        inputs, outputs = (tuple(as_text(key) for key in side) for side in (node.input, node.output))
        yield NodeInfo(name, op, as_text(node.domain), inputs, outputs, attributes, depth)
        for body in bodies:
            yield from _walk(onnx, body.node, path, depth + 1)


def _port(value: Any) -> Port:
    dims = value.type.tensor_type.shape.dim if value.type.HasField("tensor_type") else []
    fixed = [dim.HasField("dim_value") and dim.dim_value > 0 for dim in dims]
    sizes = tuple(str(dim.dim_value) if known else as_text(dim.dim_param) or "?" for dim, known in zip(dims, fixed, strict=True))
    return Port(as_text(value.name), sizes, tuple(axis for axis, known in enumerate(fixed) if not known))


def _external(onnx: Any, tensors: Any, path: Path) -> Iterator[ExternalData]:
    for tensor in tensors:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            told = {as_text(entry.key): as_text(entry.value) for entry in tensor.external_data}
            name = told.get("location", "")
            inside = bool(name) and "\0" not in name and (path.parent / name).resolve().is_relative_to(path.parent.resolve())
            yield ExternalData(name, inside and (path.parent / name).is_file())
