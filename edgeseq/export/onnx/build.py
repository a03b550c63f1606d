"""Collects the nodes and weights of an ONNX graph."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq._version import __version__
from edgeseq.errors import MissingExtraError

# The oldest that has all operators used here (LayerNormalization); its IR version is that of onnx 1.12.
OPSET, IR_VERSION = 17, 8


def import_onnx() -> Any:
    """Return the onnx package, or raise MissingExtraError."""
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("onnx", "onnx") from error
    return onnx


class GraphBuilder:
    """Nodes so far, in order; constants once."""

    def __init__(self) -> None:
        self._onnx = import_onnx()
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._constants: dict[Any, str] = {}
        self._counts: Counter[str] = Counter()
        self._domains: dict[str, None] = {}  # of operators that are not ONNX' own, in the order they were met

    def node(self, op: str, inputs: Sequence[str], outputs: int | Sequence[str] = 1, **attributes: Any) -> list[str]:
        """Add a node, and return the names of its outputs."""
        self._counts[op] += 1
        name = f"{op}_{self._counts[op]}"
        names = [f"{name}_{at}" for at in range(outputs)] if isinstance(outputs, int) else list(outputs)
        self._domains |= {attributes["domain"]: None} if "domain" in attributes else {}
        self._nodes.append(self._onnx.helper.make_node(op, list(inputs), names, name=name, **attributes))
        return names

    def one(self, op: str, *inputs: str, **attributes: Any) -> str:
        """A node of one output; its name."""
        return self.node(op, inputs, 1, **attributes)[0]

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike = np.int64) -> str:
        """A constant; equal ones are one tensor."""
        array = np.ascontiguousarray(value, dtype).reshape(np.shape(value))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            self._weights.append(self._onnx.numpy_helper.from_array(array, name))
            self._constants[key] = name
        return self._constants[key]

    @property
    def operators(self) -> dict[str, int]:
        """Names of the operators, and how many there are of each, the most frequent first."""
        return dict(self._counts.most_common())

    def edge(self, name: str, dtype: str, shape: Sequence[int | str]) -> Any:
        """An input or output of the graph."""
        kind = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self._onnx.helper.make_tensor_value_info(name, kind, list(shape))

    def to_bytes(
        self,
        name: str,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        about: dict[str, Any],
        *,
        opset: int = OPSET,
        ir_version: int = IR_VERSION,
    ) -> bytes:
        """The model file, checked by onnx with shape inference; about: its metadata, each value as JSON but for text."""
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, name, list(inputs), list(outputs), self._weights)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in self._domains)],
            ir_version=ir_version,
            producer_name="edgeseq",
            producer_version=__version__,
        )
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in about.items()}
        helper.set_model_props(model, {"edgeseq.version": __version__} | {f"edgeseq.{key}": text for key, text in texts.items()})
        self._onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))
