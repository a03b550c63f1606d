"""edgeseq: recurrent networks as integer code for small machines, and what they cost there.

The verbs of the command line are functions here::

    graph = edgeseq.load_model("model.keras")
    quantized = edgeseq.quantize(graph, calibration_windows)
    project = edgeseq.export_c(quantized)
    measurement = edgeseq.profile(quantized, "cortex-m4")

Everything heavy is imported when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from edgeseq._version import __version__
from edgeseq.errors import EdgeseqError

if TYPE_CHECKING:
    from edgeseq.choose.comparison import compare
    from edgeseq.data import load_data, load_windows
    from edgeseq.export.c import export_c, write_project
    from edgeseq.export.onnx import export_onnx
    from edgeseq.export.tflite import export_tflite
    from edgeseq.frontend import inspect_model, load_model
    from edgeseq.measure.profile import profile
    from edgeseq.measure.verify import verify
    from edgeseq.quantize import quantize, read_esq, write_esq
    from edgeseq.simulate import Oracle
    from edgeseq.targets import core_names, load_core
    from edgeseq.train import train_classifier

_HOMES = {
    "Oracle": "edgeseq.simulate",
    "compare": "edgeseq.choose.comparison",
    "core_names": "edgeseq.targets",
    "export_c": "edgeseq.export.c",
    "export_onnx": "edgeseq.export.onnx",
    "export_tflite": "edgeseq.export.tflite",
    "inspect_model": "edgeseq.frontend",
    "load_core": "edgeseq.targets",
    "load_data": "edgeseq.data",
    "load_model": "edgeseq.frontend",
    "load_windows": "edgeseq.data",
    "profile": "edgeseq.measure.profile",
    "quantize": "edgeseq.quantize",
    "read_esq": "edgeseq.quantize",
    "train_classifier": "edgeseq.train",
    "verify": "edgeseq.measure.verify",
    "write_esq": "edgeseq.quantize",
    "write_project": "edgeseq.export.c",
}

__all__ = [
    "EdgeseqError",
    "Oracle",
    "__version__",
    "compare",
    "core_names",
    "export_c",
    "export_onnx",
    "export_tflite",
    "inspect_model",
    "load_core",
    "load_data",
    "load_model",
    "load_windows",
    "profile",
    "quantize",
    "read_esq",
    "train_classifier",
    "verify",
    "write_esq",
    "write_project",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'edgeseq' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


class _Package(ModuleType):
    """A room and a verb are called quantize: `edgeseq.quantize` means the verb, whatever was imported before."""

    @property
    def quantize(self) -> Any:
        return __getattr__("quantize")

    @quantize.setter
    def quantize(self, room: ModuleType) -> None:
        """Python binds every submodule to its package when it is imported; not this one."""


sys.modules[__name__].__class__ = _Package
