"""Write the documents' tables: measured ones from benchmarks/results, the others from the code.

Usage: python -m benchmarks.readme [--check]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

from benchmarks.paths import ROOT
from benchmarks.tables import accuracy, choose, compare, cost, exchange, exported, music, prediction, runtimes, support

TABLES: dict[str, Callable[[], str]] = {
    "accuracy": accuracy.accuracy_table,
    "choose": choose.choose_table,
    "choose claim": choose.choose_claim,
    "compact": accuracy.compact_table,
    "compare": compare.compare_table,
    "cores": cost.core_table,
    "export times": exported.export_table,
    "fidelity": accuracy.fidelity_table,
    "fronts": compare.front_table,
    "fused": exported.fused_table,
    "gru claim": compare.gru_claim,
    "host": cost.host_table,
    "layers": support.layer_table,
    "models": cost.model_table,
    "music": music.music_table,
    "music schemes": music.music_schemes_table,
    "onnx forms": exchange.onnx_forms_table,
    "operations": support.operation_table,
    "prediction": prediction.prediction_table,
    "pruned": accuracy.pruned_table,
    "runtime bytes": runtimes.bytes_table,
    "runtime fidelity": runtimes.fidelity_table,
    "runtime operators": runtimes.operator_table,
    "runtime ratios": runtimes.ratio_table,
    "runtime targets": runtimes.target_table,
    "runtime times": runtimes.time_table,
    "runtimes, other": runtimes.other_table,
    "scale-out": choose.scaleout_line,
    "sparse": cost.sparse_table,
    "streams": exported.streams_table,
    "tflite": cost.tflite_table,
    "versus": cost.versus_table,
    "wheels": exported.wheels_table,
}
# Documents with tables, and which.
DOCUMENTS = {
    "README.md": ("accuracy", "choose claim", "cores", "gru claim", "host", "models", "versus"),
    "docs/accuracy.md": ("fidelity", "compact"),
    "docs/choosing.md": ("choose", "choose claim", "scale-out"),
    "docs/comparing.md": ("gru claim", "compare", "fronts"),
    "docs/predicting.md": ("prediction",),
    "docs/music.md": ("music", "music schemes"),
    "docs/onnx.md": ("onnx forms",),
    "docs/qat.md": ("pruned", "sparse"),
    "docs/runtimes.md": (
        *("runtime targets", "runtime bytes", "runtime ratios", "runtime times", "runtime fidelity", "runtime operators"),
        "runtimes, other",
    ),
    "docs/support.md": ("layers", "operations"),
    "docs/tflite.md": ("fused", "wheels", "tflite", "streams", "export times"),
}


def filled(text: str, tables: Iterable[str]) -> str:
    """Return a document with the text between each pair of markers replaced."""
    for name in tables:
        start, end = f"<!-- {name}: made by benchmarks/readme.py -->", f"<!-- end {name} -->"
        before, rest = text.split(start)
        text = f"{before}{start}\n{TABLES[name]()}\n{end}{rest.split(end)[1]}"
    return text


def fill(document: str) -> None:
    """Rewrite the tables of one of DOCUMENTS."""
    path = ROOT / document
    path.write_text(filled(path.read_text(), DOCUMENTS[document]))


def main() -> None:
    """Rewrite the tables of all documents, or with --check only say whether they are current."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for document, tables in DOCUMENTS.items():
        path = ROOT / document
        current = path.read_text()
        new = filled(current, tables)
        if new != current:
            stale.append(document)
            if not check:
                path.write_text(new)
    if check and stale:
        sys.exit(f"out of date: {', '.join(stale)}")


if __name__ == "__main__":
    main()
