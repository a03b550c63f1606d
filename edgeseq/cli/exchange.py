"""`edgeseq export` to formats of other runtimes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeseq.cli.output import show
from edgeseq.errors import OutputError, TargetError

if TYPE_CHECKING:
    from edgeseq.quantize import QuantGraph


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked for. form, steps: None where they were left out; options: of the C project that were given."""

    model: str
    out: Path
    form: str | None
    steps: int | None
    options: tuple[str, ...]


def write_tflite(graph: QuantGraph, wanted: Exchange, *, json_wanted: bool) -> None:
    """Write a .tflite and say what is in it."""
    from edgeseq.export.tflite import export_tflite
    from edgeseq.files import write_atomically
    from edgeseq.report import as_json, tables

    form: Any = wanted.form or ("step" if graph.window_reason is None else "window")
    model = export_tflite(graph, form, wanted.steps)
    write_atomically(wanted.out, model.data)
    show(
        tables.exported_tflite(model, str(wanted.out)),
        as_json.exported_tflite(graph, model, str(wanted.out)),
        json_wanted=json_wanted,
    )


# Format -> (suffix of its files, forms it has, what writes it).
EXCHANGE: dict[str, tuple[str, tuple[str, ...], Callable[..., None]]] = {
    "tflite": (".tflite", ("step", "stateful", "unrolled", "window"), write_tflite),
}
FORMS = tuple(dict.fromkeys(form for _, forms, _ in EXCHANGE.values() for form in forms))


def check(file_format: str, wanted: Exchange) -> None:
    """Raise TargetError for options that the format does not have, OutputError for a file of another kind."""
    if file_format not in EXCHANGE:
        if wanted.form is not None or wanted.steps is not None:
            raise TargetError("--form and --steps are of .tflite; a C project has a step and a window function in one")
        return
    suffix, forms, _ = EXCHANGE[file_format]
    if wanted.form not in (None, *forms):
        raise TargetError(f"--format {file_format} has no form {wanted.form!r}; it has: {', '.join(forms)}")
    if wanted.options:
        raise TargetError(f"{', '.join(wanted.options)}: of C projects alone; leave it out with --format {file_format}")
    if wanted.out.suffix != suffix:
        raise OutputError(f"{wanted.out}: expected a file that ends in {suffix}. Choose another --out")
    if wanted.out.is_dir():
        raise OutputError(f"{wanted.out} is a folder; expected a file. Choose another --out")
