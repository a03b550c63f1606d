"""What each layer of an integer model costs, and how an image's memory is divided."""

from __future__ import annotations

from typing import Any

from edgeseq.graph import Layer
from edgeseq.graph.around import macs_of_window
from edgeseq.measure.measurement import Measurement
from edgeseq.quantize.types import QuantGraph
from edgeseq.quantize.types.base import QuantLayer


def layer_costs(graph: QuantGraph) -> list[dict[str, Any]]:
    """Return name, kind, multiply-accumulates a decision and weight bytes of each layer, input first."""
    source, rows = graph.source, []
    size, steps = graph.input_size, graph.window_steps
    for layer, integers in zip(source.layers, graph.layers, strict=True):
        macs = _macs(layer, size, steps)
        rows.append({"name": layer.name, "kind": type(layer).__name__, "macs": macs, "weight_bytes": _weight_bytes(integers)})
        size = layer.output_size(size)
        steps = None if steps is None else layer.output_steps(steps)
    return rows


def _macs(layer: Layer, size: int, steps: int | None) -> int:
    """Of a decision: a time step, or a window of so many steps."""
    return layer.macs_per_step(size) if steps is None else macs_of_window((layer,), size, steps)


def _weight_bytes(layer: QuantLayer) -> int:
    """Weights, biases and multipliers, before a core's kernels pad and shuffle them."""
    return sum(
        -(-matrix.rows * matrix.columns * matrix.bits // 8) + matrix.bias.nbytes + matrix.multiplier.nbytes
        for matrix in layer.matrices
    )


def memory_map(measurement: Measurement) -> dict[str, list[dict[str, Any]]]:
    """Return what an image's flash and RAM hold, in bytes; each list sums up to the image.

    Scratch is as large as where words are aligned; where they are not (AVR), what is left is.
    """
    flash, ram = measurement.flash_image_bytes, measurement.ram_image_bytes
    stack = measurement.ram_stack_bytes
    assert ram is not None  # cores have a stack
    assert stack is not None
    model, code = measurement.flash_model_bytes, measurement.flash_code_bytes
    state = measurement.ram_state_bytes
    scratch = min(measurement.ram_scratch_bytes, ram - state - stack)
    return {
        "flash": _rows(("weights and tables", model), ("code of the model", code), ("start-up and app", flash - model - code)),
        "ram": _rows(
            ("state", state), ("scratch", scratch), ("stack", stack), ("app: input, output", ram - state - scratch - stack)
        ),
    }


def _rows(*pairs: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"name": name, "bytes": count} for name, count in pairs]
