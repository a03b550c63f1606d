"""The runtimes that a model can be timed on, and the Python that has each."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from edgeseq.errors import TargetError
from edgeseq.export.onnx import export_float_onnx, export_onnx
from edgeseq.export.tflite import export_float_tflite, export_tflite
from edgeseq.graph import Graph
from edgeseq.measure.pythons import find_own, find_python
from edgeseq.quantize.types import QuantGraph

Precision = Literal["int", "float32", "float16"]
PRECISIONS: tuple[Precision, ...] = ("int", "float32", "float16")
FORMS = ("step", "stateful", "unrolled", "window")
_ONNX_FORMS = ("step", "unrolled", "window")


@dataclass(frozen=True, slots=True)
class Made:
    """A model as a runtime takes it. data: the file's bytes; steps: time steps of one call; sizes: of dimensions left open."""

    data: bytes
    steps: int
    sizes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Runtime:
    """suffix: of the files it runs, None if edgeseq compiles them; forms, precisions: what edgeseq writes for it.

    find: the Python that has it, raises MissingExtraError or TargetError. make: a model in a form, precision and number of steps.
    """

    name: str
    suffix: str | None
    forms: tuple[str, ...]
    precisions: tuple[Precision, ...]
    find: Callable[[], str]
    make: Callable[[QuantGraph | Graph, Any, Precision, int | None], Made] | None


def _tflite(model: QuantGraph | Graph, form: Any, precision: Precision, steps: int | None, *, wide: bool = False) -> Made:
    if isinstance(model, QuantGraph) and precision == "int":
        made = export_tflite(model, form, steps, wide_weights=wide)
    else:
        made = export_float_tflite(_source(model), form, steps, half_weights=precision == "float16")
    return Made(made.data, made.steps, {})


def _wide_tflite(model: QuantGraph | Graph, form: Any, precision: Precision, steps: int | None) -> Made:
    return _tflite(model, form, precision, steps, wide=True)


def _onnx(model: QuantGraph | Graph, form: Any, precision: Precision, steps: int | None) -> Made:
    if isinstance(model, QuantGraph) and precision == "int":
        made = export_onnx(model, form, steps)
        assert made.steps is not None  # of integers
        return Made(made.data, made.steps, {})
    graph = _source(model)
    steps = 1 if form == "step" else steps or graph.time_steps
    if steps is None:
        raise TargetError(f"--form {form}: model {graph.name!r} takes any number of time steps; give --steps")
    return Made(export_float_onnx(graph).data, steps, {"time": steps})


def _source(model: QuantGraph | Graph) -> Graph:
    return model.source if isinstance(model, QuantGraph) else model


# Register in a list a reader can see. tflite-runtime 2.14 has no INT4.
RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("c", None, ("step", "stateful", "window"), ("int",), lambda: sys.executable, None),
        Runtime("litert", ".tflite", FORMS, PRECISIONS, functools.partial(find_own, "ai_edge_litert"), _tflite),
        Runtime(
            "onnxruntime",
            ".onnx",
            ("step", "unrolled", "window"),
            ("int", "float32"),
            functools.partial(find_own, "onnxruntime"),
            _onnx,
        ),
        Runtime("tflite-runtime", ".tflite", FORMS, PRECISIONS, functools.partial(find_python, "tflite-runtime"), _wide_tflite),
    )
}
