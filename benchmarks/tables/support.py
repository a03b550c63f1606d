"""What is supported, from the code itself."""

from __future__ import annotations

from edgeseq.export.c.support import fast_support, portable_support
from edgeseq.export.tflite.support import tflite_support
from edgeseq.frontend.handlers import HANDLERS, NOTES, REFUSED
from edgeseq.quantize.types import LAYER_TYPES


def layer_table() -> str:
    """Keras layers that are read, and those that are refused with their reason."""
    lines = ["| Keras layer | what of it |", "|---|---|"]
    lines += [f"| {name} | {NOTES[name]} |" for name in HANDLERS]
    lines += [f"| {name} | refused: {reason} |" for name, reason in REFUSED.items()]
    return "\n".join(lines)


def operation_table() -> str:
    """Integer layers, and how the exporters print them."""
    lines = ["| integer layer | portable C | fast kernels | .tflite |", "|---|---|---|---|"]
    lines += [
        f"| {layer.__name__} | {portable_support(layer)} | {fast_support(layer)} | {tflite_support(layer)} |"
        for layer in LAYER_TYPES
    ]
    return "\n".join(lines)
