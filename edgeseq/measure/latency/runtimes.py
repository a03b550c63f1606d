"""The runtimes that a model can be timed on, and the Python that has each."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from edgeseq.errors import MissingExtraError, TargetError
from edgeseq.export.onnx import export_float_onnx, export_onnx
from edgeseq.export.tflite import export_float_tflite, export_tflite
from edgeseq.graph import Graph
from edgeseq.quantize.types import QuantGraph

Precision = Literal["int", "float32", "float16"]
PRECISIONS: tuple[Precision, ...] = ("int", "float32", "float16")
FORMS = ("step", "stateful", "unrolled", "window")
# Path of a Python that has tflite_runtime, which edgeseq's own may be too new for.
TFLITE_RUNTIME_PYTHON = "EDGESEQ_TFLITE_RUNTIME"
_PYTHONS = ("python3.11", "python3.10", "python3")


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


def _own(module: str) -> Callable[[], str]:
    def find() -> str:
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(module, "runtimes")
        return sys.executable

    return find


def find_tflite_runtime() -> str:
    """The Python named in the environment, else this one, else the first on the PATH, that has tflite_runtime."""
    named = os.environ.get(TFLITE_RUNTIME_PYTHON)
    if named is not None:
        if not _has_tflite_runtime(named):
            raise TargetError(f"{TFLITE_RUNTIME_PYTHON}={named}: expected a Python that imports tflite_runtime. {_HOW}")
        return named
    candidates = (sys.executable, *(path for name in _PYTHONS if (path := shutil.which(name)) is not None))
    for python in dict.fromkeys(candidates):
        if _has_tflite_runtime(python):
            return python
    raise TargetError(f"tflite_runtime is not installed. {_HOW}")


_HOW = (
    "Install it with: python3.11 -m venv tflite && tflite/bin/pip install tflite-runtime 'numpy<2' (Python 3.10 or 3.11), "
    f"and set {TFLITE_RUNTIME_PYTHON} to tflite/bin/python"
)


@functools.cache
def _has_tflite_runtime(python: str) -> bool:
    try:
        done = subprocess.run([python, "-c", "import tflite_runtime.interpreter"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


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
        Runtime("litert", ".tflite", FORMS, PRECISIONS, _own("ai_edge_litert"), _tflite),
        Runtime("onnxruntime", ".onnx", ("step", "unrolled", "window"), ("int", "float32"), _own("onnxruntime"), _onnx),
        Runtime("tflite-runtime", ".tflite", FORMS, PRECISIONS, find_tflite_runtime, _wide_tflite),
    )
}
