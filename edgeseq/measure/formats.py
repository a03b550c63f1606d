"""The runtimes of exported files that `verify` runs, besides C."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq.errors import MissingExtraError, TargetError
from edgeseq.measure.approximation import Approximation, measure_qdq
from edgeseq.measure.comparison import Comparison
from edgeseq.measure.fused import run_fused
from edgeseq.measure.litert_runner import compare_tflite, compare_tflite_micro, compare_tflite_runtime
from edgeseq.measure.onnx_runner import compare_onnx
from edgeseq.measure.onnx_web_runner import compare_onnx_web, find_onnx_web
from edgeseq.measure.pythons import find_own, find_python
from edgeseq.quantize.types import QuantGraph
from edgeseq.simulate import OracleRun


@dataclass(frozen=True, slots=True)
class Format:
    """find: raises an error that says how to install the runtime where it is absent.

    compare: the exported file against the oracle's run of the same codes.
    """

    find: Callable[[], object]
    compare: Callable[[QuantGraph, npt.NDArray[np.integer], OracleRun], list[Comparison]]


@dataclass(frozen=True, slots=True)
class ApproximateFormat:
    """One that cannot be exact. compare: how far the file is off the oracle's run of raw windows."""

    find: Callable[[], object]
    compare: Callable[[QuantGraph, npt.NDArray[np.float64], OracleRun], Approximation]


@dataclass(frozen=True, slots=True)
class InexactFormat:
    """One with an arithmetic of integers of its own. run: codes of windows to outputs and states, in the oracle's steps."""

    find: Callable[[], object]
    run: Callable[[QuantGraph, npt.NDArray[np.integer]], tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]]


# By their names in `verify --against`. Register in a dict a reader can see.
FORMATS = {
    "tflite": Format(functools.partial(find_own, "ai_edge_litert"), compare_tflite),
    "onnx": Format(functools.partial(find_own, "onnxruntime"), compare_onnx),
    "tflite-runtime": Format(functools.partial(find_python, "tflite-runtime"), compare_tflite_runtime),
    "tflite-micro": Format(functools.partial(find_python, "tflite-micro"), compare_tflite_micro),
    "onnxruntime-web": Format(find_onnx_web, compare_onnx_web),
}
APPROXIMATE = {"qdq": ApproximateFormat(functools.partial(find_own, "onnxruntime"), measure_qdq)}
INEXACT = {"tflite-fused": InexactFormat(functools.partial(find_own, "ai_edge_litert"), run_fused)}


def present() -> tuple[str, ...]:
    """Names of FORMATS whose runtime this machine has."""
    return tuple(name for name, format_ in FORMATS.items() if _is_there(format_))


def _is_there(format_: Format) -> bool:
    try:
        format_.find()
    except (MissingExtraError, TargetError):
        return False
    return True
