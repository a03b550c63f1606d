"""Walks the nodes of an ONNX graph and gathers the layers they amount to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeseq.errors import ModelError, UnsupportedModelError
from edgeseq.frontend.keras_config import series_parallel
from edgeseq.frontend.onnx.entry import INPUT, entries
from edgeseq.frontend.onnx.file import as_text, import_onnx, open_onnx, read_tensor
from edgeseq.frontend.onnx.gathered import Gathered
from edgeseq.frontend.onnx.node import Node
from edgeseq.frontend.onnx.ops import FOLDERS, HANDLERS, REFUSED, SUPPORTED
from edgeseq.frontend.onnx.values import (
    Constant,
    Flow,
    RefusedError,
    Stack,
    State,
    Unread,
    Value,
    WrongLayoutError,
)
from edgeseq.frontend.source import SourceLayer, SourceModel


def read_onnx_file(path: Path) -> SourceModel:
    """Read an .onnx file that PyTorch, tf2onnx or edgeseq wrote."""
    file = open_onnx(path)
    tried: list[str] = []
    for entry in entries(file):
        try:
            layers = Reader(file, entry).run()
        except WrongLayoutError as error:
            tried.append(str(error))
            continue
        return SourceModel(path.stem, file.origin, layers, keras_major=3)
    raise UnsupportedModelError(f"{file.origin}: {tried[0]}")


class Reader(Gathered):
    """One walk, for one guess of the input's axes."""

    def run(self) -> tuple[SourceLayer, ...]:
        """Walk all nodes and return the layers from the input to the output."""
        graph = self.file.graph
        if graph.sparse_initializer:
            raise UnsupportedModelError(f"{self.origin}: sparse weights; export the model with dense ones")
        for tensor in graph.initializer:
            if tensor.name not in self.values:
                self.values[tensor.name] = Constant(read_tensor(self.file, tensor, f"weight {tensor.name!r}"))
        for index, proto in enumerate(graph.node):
            node = self._node(proto, index)
            outputs = [name for name in proto.output if name]
            if twice := [name for name in outputs if name in self.values]:
                raise ModelError(f"{self.origin}: node {node.name!r} writes {twice[0]!r} a second time; export the model again")
            for name, value in zip(proto.output, self._outcome(node), strict=False):
                if name:
                    self.values[name] = value
            for name in outputs:
                self.values.setdefault(name, Unread(node.name))
        return self._path(self._output())

    def _node(self, proto: Any, index: int) -> Node:
        op = as_text(proto.op_type)
        name = as_text(proto.name).strip("/") or f"{op}_{index}"
        inputs: list[Value | None] = []
        for key in proto.input:
            if key and key not in self.values:
                raise ModelError(
                    f"{self.origin}: node {name!r} ({op}) reads {key!r}, which nothing before it writes; export the model again"
                )
            inputs.append(self.values[key] if key else None)
        helper = import_onnx().helper
        attributes: dict[str, Any] = {}
        for attribute in proto.attribute:
            try:
                value = helper.get_attribute_value(attribute)
            except ValueError as error:
                raise ModelError(f"{self.origin}: node {name!r}: attribute {attribute.name!r} is damaged ({error})") from error
            attributes[attribute.name] = value
        return Node(name, op, as_text(proto.domain), inputs, attributes, len(proto.output), self.opset)

    def _outcome(self, node: Node) -> tuple[Value, ...]:
        """What a node gives, or what stands for a refused one."""
        unread = next((value for value in node.inputs if isinstance(value, Unread)), None)
        handler = HANDLERS.get(node.op)
        known = node.domain in ("", "ai.onnx") and (handler or node.op in FOLDERS)
        if unread is not None and known:
            return tuple(unread for _ in range(node.outputs))
        try:
            if not known:
                return self._refused(node, _reason(node))
            constant = all(value is None or isinstance(value, Constant) for value in node.inputs)
            if node.op in FOLDERS and (constant or handler is None):
                return FOLDERS[node.op](self, node)
            assert handler is not None
            return handler(self, node)
        except RefusedError as error:
            return self._refused(node, str(error))
        except (ArithmeticError, AttributeError, IndexError, MemoryError, TypeError, ValueError) as error:
            # What numpy says of shapes and attributes that do not fit each other.
            reason = f"{node.op} does not fit its inputs ({error}); the file may be damaged, export the model again"
            return self._refused(node, reason)

    def _refused(self, node: Node, reason: str) -> tuple[Value, ...]:
        """What a refused node gives."""
        flows = [value.layer for value in node.inputs if isinstance(value, Flow | Unread) and value.layer in self.layers]
        name = self.add(SourceLayer(node.name, node.op, {}, refusal=reason), tuple(flows[:1]))
        return tuple(Unread(name) for _ in range(node.outputs))

    def _output(self) -> Value:
        """The one output that is no state."""
        graph = self.file.graph
        found: dict[str, Value] = {}
        for output in graph.output:
            if output.name not in self.values:
                raise ModelError(f"{self.origin}: nothing writes the output {output.name!r}; export the model again")
            found[output.name] = self.values[output.name]
        data = {name: value for name, value in found.items() if not _is_state(value)}
        if len(data) > 1:
            # A final state beside an output of the same layer is its state; it is the model's output if it stands alone.
            first = next(iter(data))
            rest = [name for name in data if name != first and not self._ends_cell(data[name])]
            if rest:
                raise UnsupportedModelError(
                    f"{self.origin}: the model has {len(rest) + 1} outputs: {', '.join([first, *rest])}. Only one output, and "
                    "the recurrent states beside it, are supported; export a model that returns one tensor"
                )
            return data[first]
        if not data:
            raise UnsupportedModelError(f"{self.origin}: the model gives nothing but recurrent states; return its outputs too")
        return next(iter(data.values()))

    def _ends_cell(self, value: Value) -> bool:
        """Whether a value is the final state of a recurrent layer."""
        if isinstance(value, Flow):
            return value.last and (value.layer in self.halves or self.class_of(value.layer) in ("GRU", "LSTM", "SimpleRNN"))
        return isinstance(value, Stack)

    def _path(self, output: Value) -> tuple[SourceLayer, ...]:
        """The layers on the way to the output; up to the first refused one where it cannot be reached."""
        if isinstance(output, Constant):
            raise UnsupportedModelError(f"{self.origin}: the output does not depend on the input")
        if isinstance(output, Unread):
            return self._refused_path(output.layer)
        if not isinstance(output, Flow):
            raise UnsupportedModelError(f"{self.origin}: the output is several states side by side; return one tensor")
        try:
            last = self.source(output)
        except RefusedError as error:
            raise UnsupportedModelError(f"{self.origin}: the output {error}") from None
        wanted, reachable = [last], set()
        while wanted:
            name = wanted.pop()
            if name not in reachable:
                reachable.add(name)
                wanted += self.layers[name].sources
        nodes = [node for name, node in self.layers.items() if name in reachable]
        return tuple(series_parallel(nodes, self.origin))

    def _refused_path(self, name: str) -> tuple[SourceLayer, ...]:
        path: list[SourceLayer] = []
        at: str | None = name
        while at is not None:
            path.insert(0, self.layers[at].layer)
            at = next(iter(self.layers[at].sources), None)
        if path[0].name != INPUT:
            path.insert(0, self.layers[INPUT].layer)
        others = [node.layer for node in self.layers.values() if node.layer.refusal and node.layer not in path]
        return (*path, *others)


def _is_state(value: Value) -> bool:
    return isinstance(value, State) or (isinstance(value, Stack) and all(isinstance(part, State) for part in value.parts))


def _reason(node: Node) -> str:
    if node.domain not in ("", "ai.onnx"):
        return (
            f"operator {node.op} of domain {node.domain!r} is no standard ONNX operator; export the float model, before any "
            "runtime's optimiser or quantiser"
        )
    return REFUSED.get(node.op, f"no integer form of the operator {node.op} exists in edgeseq yet; {SUPPORTED}")
