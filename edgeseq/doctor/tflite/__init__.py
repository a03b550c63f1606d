"""Someone else's .tflite: whether LiteRT, tflite-runtime and TensorFlow Lite Micro run it, and run it right.

`file` reads and bounds, `rules` holds a function per finding, operators.toml what each runtime has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from edgeseq.doctor.finding import Finding
from edgeseq.doctor.tflite.file import TfliteFile, open_tflite
from edgeseq.doctor.tflite.rules import RULES
from edgeseq.doctor.tflite.runtimes import RUNTIMES


def examine_tflite(path: Path, flash: int | None = None) -> tuple[list[Finding], tuple[str, ...]]:
    """All findings on a file, and what it holds. flash: bytes that the model may take. Raises ModelError if unreadable."""
    file = open_tflite(path)
    return [finding for rule in RULES for finding in rule(file, flash)], tuple(_facts(file))


def _facts(file: TfliteFile) -> Iterator[str]:
    for kind, numbers in (("input", file.main.inputs), ("output", file.main.outputs)):
        for number in numbers:
            tensor = file.main.tensor(number)
            if tensor is not None:
                sizes = " x ".join("?" if axis in tensor.open else str(size) for axis, size in enumerate(tensor.shape))
                yield f"{kind} {tensor.name} {tensor.kind.lower()} {sizes or 'scalar'}"
    counts = Counter(operator.name for graph in file.subgraphs for operator in graph.operators)
    yield f"{sum(counts.values())} operators: {', '.join(f'{count} {name}' for name, count in counts.most_common())}"


__all__ = ["RUNTIMES", "examine_tflite"]
