"""What an .onnx file says about itself in metadata_props, all under the prefix ``edgeseq.``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeseq.export.decimals import one_or_all, shortest
from edgeseq.graph import Graph
from edgeseq.quantize.types import QuantGraph

# Forms whose edges are integers: the caller quantises.
INTEGER_FORMS = ("step", "unrolled", "window")


@dataclass(frozen=True, slots=True)
class Labels:
    """What the training data called things.

    class_names: in the order of the outputs; feature_names: of the inputs; feature_settings: how features were computed from
    a signal, with its sampling rate as rate_hz. Empty where nobody said.
    """

    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    feature_settings: Mapping[str, Any] = field(default_factory=dict)


def describe(
    graph: Graph, form: str, opset: int, labels: Labels, *, quantized: QuantGraph | None = None, steps: int | None = None
) -> dict[str, Any]:
    """Entries for `GraphBuilder.to_bytes`; quantized: of a form that has its scales."""
    about: dict[str, Any] = {
        "model": graph.name,
        "form": form,
        "scheme": "float32" if quantized is None else quantized.scheme,
        "opset": opset,
    }
    if steps is not None:
        about["steps"] = steps
    integers = form in INTEGER_FORMS
    if quantized is not None:
        about["input"] = _input(quantized, integers=integers)
        about["output"] = {"scale": quantized.output_scale.value, "softmax_left_out": integers and quantized.softmax}
    if graph.normalization is not None:
        about["normalization"] = {
            "formula": "(raw - mean) / std",
            "mean": np.asarray(graph.normalization.mean, np.float64).tolist(),
            "std": np.asarray(graph.normalization.std, np.float64).tolist(),
            "done_by": "the gain and offset of edgeseq.input" if integers else "the model",
        }
    about |= {"class_names": list(labels.class_names)} if labels.class_names else {}
    about |= {"feature_names": list(labels.feature_names)} if labels.feature_names else {}
    about |= {"feature_settings": dict(labels.feature_settings)} if labels.feature_settings else {}
    if "rate_hz" in labels.feature_settings:
        about["sampling_rate_hz"] = labels.feature_settings["rate_hz"]
    return about


def _input(graph: QuantGraph, *, integers: bool) -> dict[str, Any]:
    """What turns raw values into codes: by the caller, exactly, or inside the file."""
    entry = graph.input
    codes = {"range": list(entry.code_range), "scale": entry.scale.value, "zero_point": entry.zero_point}
    if not integers:
        return codes
    gain, offset = entry.affine()
    return {
        "formula": "code = clip(floor(raw * gain + offset + 0.5)), in float32",
        **codes,
        "gain": one_or_all(shortest(gain)),
        "offset": one_or_all(shortest(offset)),
    }
