"""What a reader of the file should know that the graph does not say: the JSON of its metadata buffer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeseq.errors import DataError
from edgeseq.export.decimals import one_or_all, shortest
from edgeseq.graph import Graph
from edgeseq.quantize.types import QuantGraph


@dataclass(frozen=True, slots=True)
class Description:
    """What only the data knows; whatever is not known stays out of the file.

    class_names: of the outputs, in their order (two for one output of a binary classifier); feature_names: of the inputs.
    sampling_rate_hz: time steps a second, or samples a second of what features are computed from, which feature_settings
    then say.
    """

    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    sampling_rate_hz: float | None = None
    feature_settings: Mapping[str, Any] = field(default_factory=dict)

    def check(self, graph: Graph) -> None:
        """Raise DataError unless the names are as many as the model's outputs and inputs, and the rate is one."""
        rate = self.sampling_rate_hz
        if rate is not None and not (math.isfinite(rate) and rate > 0):
            raise DataError(f"a sampling rate of {rate:g} Hz; expected a positive number (--sampling-rate)")
        one_of_two = {2} if graph.output_size == 1 else set()
        self._count(graph, "class names", self.class_names, "outputs", {graph.output_size} | one_of_two)
        self._count(graph, "feature names", self.feature_names, "inputs", {graph.input_size})

    @staticmethod
    def _count(graph: Graph, what: str, names: tuple[str, ...], side: str, sizes: set[int]) -> None:
        if names and len(names) not in sizes:
            shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            raise DataError(
                f"{len(names)} {what} ({shown}) for the {min(sizes)} {side} of model {graph.name!r}; describe it by the data set "
                "that it was trained on"
            )

    def entries(self) -> dict[str, Any]:
        """Those that are known."""
        known = {
            "class_names": list(self.class_names),
            "feature_names": list(self.feature_names),
            "sampling_rate_hz": self.sampling_rate_hz,
            "feature_settings": dict(self.feature_settings),
        }
        return {name: value for name, value in known.items() if value}


def about_floats(graph: Graph, scheme: str) -> dict[str, Any]:
    """Of a float model, which normalises its input itself."""
    return {"scheme": scheme, **_normalization(graph)}


def about_integers(graph: QuantGraph) -> dict[str, Any]:
    """What turns raw values into codes, exactly, and integers into real outputs."""
    gain, offset = graph.input.affine()
    return {
        "scheme": graph.scheme,
        **_normalization(graph.source),
        "input": {
            "formula": "code = clip(floor(raw * gain + offset + 0.5)), in float32",
            "range": list(graph.input.code_range),
            "scale": graph.input.scale.value,
            "zero_point": graph.input.zero_point,
            "gain": one_or_all(shortest(gain)),
            "offset": one_or_all(shortest(offset)),
        },
        "output": {"scale": graph.output_scale.value, "softmax_left_out": graph.softmax},
    }


def _normalization(graph: Graph) -> dict[str, Any]:
    """Mean and deviation that training took off; gain and offset hold them already."""
    if graph.normalization is None:
        return {}
    mean, std = graph.normalization.mean, graph.normalization.std
    return {"normalization": {"mean": shortest(mean.astype(np.float32)), "std": shortest(std.astype(np.float32))}}
