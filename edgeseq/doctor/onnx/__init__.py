"""Someone else's .onnx: whether onnxruntime runs it as a stream, and whether edgeseq can make integers of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from edgeseq.doctor.finding import Finding
from edgeseq.doctor.onnx.model import OnnxModel, read_model
from edgeseq.doctor.onnx.rules import RULES
from edgeseq.doctor.onnx.runtimes import RUNTIMES


def examine_onnx(path: Path, flash: int | None = None) -> tuple[list[Finding], tuple[str, ...]]:
    """All findings on a file, and what it holds. Raises ModelError if unreadable."""
    model = read_model(path)
    return [finding for rule in RULES for finding in rule(model)], tuple(_facts(model))


def _facts(model: OnnxModel) -> Iterator[str]:
    yield f"opset {model.opset}, {model.producer or 'unknown producer'}"
    for kind, ports in (("input", model.inputs), ("output", model.outputs)):
        for port in ports:
            yield f"{kind} {port.name} {' x '.join(port.sizes) or 'scalar'}"
    counts = Counter(node.op for node in model.nodes)
    yield f"{sum(counts.values())} nodes: {', '.join(f'{count} {name}' for name, count in counts.most_common())}"


__all__ = ["RUNTIMES", "examine_onnx"]
