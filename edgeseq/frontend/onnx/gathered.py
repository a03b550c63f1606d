"""What was gathered of an ONNX graph so far: values by name, and the layers they come from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edgeseq.frontend.keras_config import LayerNode
from edgeseq.frontend.onnx.entry import Entry
from edgeseq.frontend.onnx.file import OnnxFile, read_tensor
from edgeseq.frontend.onnx.values import FIRST_STEP, Array, Flow, RefusedError, Value
from edgeseq.frontend.source import SourceLayer


class Gathered:
    """values: of the tensors, by name; layers: what was read so far, by name."""

    def __init__(self, file: OnnxFile, entry: Entry) -> None:
        self.file = file
        self.origin = file.origin
        self.opset = file.opset
        self.entry = entry
        self.values: dict[str, Value] = dict(entry.values)
        self.layers: dict[str, LayerNode] = {}
        # Two directions that no node has joined yet; and those that one has, by the joined layer.
        self.halves: dict[str, tuple[Flow, Flow]] = {}
        self.halves_of: dict[str, tuple[Flow, Flow]] = {}
        self.add(entry.layer, ())

    def add(self, layer: SourceLayer, sources: tuple[str, ...]) -> str:
        """Add a layer that reads others, and return its name, made unique."""
        name, count = layer.name, 1
        while name in self.layers:
            count += 1
            name = f"{layer.name}_{count}"
        self.layers[name] = LayerNode(replace(layer, name=name), list(sources))
        return name

    def source(self, flow: Flow) -> str:
        """Name of the layer whose whole result a flow is; the last step of a window becomes a layer of its own."""
        if flow.trailing:
            raise RefusedError(
                f"reads {flow.trailing} time steps behind the window's end, which a stream does not have; cut them off behind "
                "the convolution, or pad only in front"
            )
        if flow.layer in self.halves:
            raise RefusedError("reads both directions apart; only their concatenation, sum, product or mean is supported")
        if flow.layer not in self.layers:
            raise RefusedError(FIRST_STEP)
        if not flow.last:
            return flow.layer
        name = f"{flow.layer}/last"
        if name not in self.layers:
            self.add(SourceLayer(name, "LastStep", {}), (flow.layer,))
        return name

    def class_of(self, name: str) -> str:
        """Class name of a layer."""
        return self.layers[name].layer.class_name if name in self.layers else ""

    def array(self, proto: Any, what: str) -> Array:
        """Values of a tensor inside the file."""
        return read_tensor(self.file, proto, what)
