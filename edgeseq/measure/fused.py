"""A .tflite whose LSTM layers are TFLite's own operator: how near it is to the float model, which is all it can be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.measure.litert_runner import run_litert
from edgeseq.quantize.types import QuantGraph, QuantLstm


def run_fused(
    graph: QuantGraph, codes: npt.NDArray[np.integer], kernels: str = "default"
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    """Run windows (n, time, features), each from zero states; outputs, and all carried values in the oracle's steps.

    Raises TargetError for a model that the operator cannot run, and what `run_litert` raises.
    """
    # Imported here because the schema's accessors are 180 modules.
    from edgeseq.export.tflite import export_tflite

    got = run_litert(export_tflite(graph, "fused"), codes, kernels)
    return got.outputs, in_steps_of_the_oracle(graph, got.states)


def in_steps_of_the_oracle(graph: QuantGraph, states: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """States as the interpreter holds them, (..., values): the hidden state of 8 bits becomes one of 16, the cell stays."""
    widened = states.copy()
    at = 0
    for layer in graph.layers:
        if isinstance(layer, QuantLstm):
            widened[..., at : at + layer.units] <<= 8
            at += layer.carried_values
    return widened
