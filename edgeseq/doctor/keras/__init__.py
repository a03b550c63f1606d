"""A Keras file: what edgeseq makes of it, and what TensorFlow's own converter would trip over."""

from __future__ import annotations

from pathlib import Path

from edgeseq.doctor.finding import Finding
from edgeseq.doctor.keras.rules import RULES, refusals
from edgeseq.doctor.keras.runtimes import RUNTIMES
from edgeseq.frontend.load import read_source
from edgeseq.frontend.source import every_layer


def examine_keras(path: Path, flash: int | None = None) -> tuple[list[Finding], tuple[str, ...]]:
    """All findings on a .keras or .h5 file, and what it holds. Raises ModelError if unreadable."""
    source = read_source(path)
    layers = tuple(every_layer(source.layers))
    found = list(refusals(source))
    found += [finding for rule in RULES for finding in rule(layers)]
    kinds = ", ".join(f"{layer.name} ({layer.class_name})" for layer in layers)
    return found, (f"Keras {source.keras_major or '?'}, {len(layers)} layers: {kinds}",)


__all__ = ["RUNTIMES", "examine_keras"]
