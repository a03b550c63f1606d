"""`edgeseq export` to formats of other runtimes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group

from edgeseq.cli.options import Quantization, resolve_model
from edgeseq.cli.output import show
from edgeseq.errors import OutputError, TargetError
from edgeseq.quantize import QuantGraph, read_esq

if TYPE_CHECKING:
    from edgeseq.export.tflite import Description
    from edgeseq.graph import Graph
    from edgeseq.measure.verify import Verification


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked for.

    form, steps, precision: None where they were left out; wide_weights: store 4-bit ones in int8; describe: a data set
    whose names go into the metadata; sampling_rate: in Hz; options: of the C project that were given.
    """

    model: str
    out: Path
    form: str | None
    steps: int | None
    precision: str | None
    wide_weights: bool
    describe: str | None
    sampling_rate: float | None
    options: tuple[str, ...]


def write_tflite(wanted: Exchange, how: Quantization, *, json_wanted: bool) -> None:
    """Write a .tflite and say what is in it."""
    from edgeseq.export.tflite import export_float_tflite, export_tflite
    from edgeseq.files import write_atomically
    from edgeseq.report import as_json, tables

    described = _description(wanted)
    if wanted.precision in (None, "int"):
        quantized = resolve_model(wanted.model, how)
        graph = quantized.source
        model = export_tflite(
            quantized, _form(wanted, graph), wanted.steps, wide_weights=wanted.wide_weights, description=described
        )
    else:
        graph = _float_model(wanted.model)
        model = export_float_tflite(
            graph, _form(wanted, graph), wanted.steps, half_weights=wanted.precision == "float16", description=described
        )
    checked = _error_of_fused(quantized, how) if wanted.form == "fused" else None
    write_atomically(wanted.out, model.data)
    document = as_json.exported_tflite(graph, model, str(wanted.out))
    text = tables.exported_tflite(model, str(wanted.out))
    if wanted.form == "fused":
        document |= as_json.error_of_fused(checked)
        text = Group(text, tables.error_of_fused(checked))
    show(text, document, json_wanted=json_wanted)


def _description(wanted: Exchange) -> Description | None:
    """What the metadata says of the data; a rate that is given counts more than that of the data set."""
    from edgeseq.export.tflite import Description

    if wanted.describe is None:
        return None if wanted.sampling_rate is None else Description(sampling_rate_hz=wanted.sampling_rate)
    from edgeseq.data import load_data

    data = load_data(wanted.describe)
    rate = wanted.sampling_rate or data.feature_settings.get("rate_hz")
    return Description(data.class_names, data.feature_names, rate, data.feature_settings)


def _error_of_fused(graph: QuantGraph, how: Quantization) -> Verification | None:
    """The file beside the oracle on the calibration data; None without data or LiteRT."""
    if how.calibration is None or importlib.util.find_spec("ai_edge_litert") is None:
        return None
    from edgeseq.data import load_windows
    from edgeseq.measure.verify import verify

    windows = load_windows(how.calibration)
    count = max(1, _MEASURED_STEPS // windows.shape[1])
    return verify(graph, windows[:count, :_MEASURED_STEPS], formats=["tflite-fused"], host=False)


def write_onnx(wanted: Exchange, how: Quantization, *, json_wanted: bool) -> None:
    """Write an .onnx and say what is in it."""
    from edgeseq.export.onnx import export_float_onnx, export_onnx
    from edgeseq.files import write_atomically
    from edgeseq.report import as_json, tables

    if wanted.form == "float" or wanted.precision == "float32":
        if wanted.precision not in (None, "float32") or wanted.form not in (None, "float") or wanted.steps is not None:
            raise TargetError(
                "--format onnx writes floats as --form float alone, in float32, for any number of time steps; leave out --steps "
                "and --precision, or choose another --form for integers"
            )
        graph = _float_model(wanted.model)
        model = export_float_onnx(graph)
    elif wanted.precision == "float16":
        raise TargetError("--format onnx has no --precision float16; choose --form float, or leave it out for integers")
    else:
        quantized = resolve_model(wanted.model, how)
        graph = quantized.source
        model = export_onnx(quantized, _form(wanted, graph), wanted.steps)
    write_atomically(wanted.out, model.data)
    document = as_json.exported_tflite(graph, model, str(wanted.out), file_format="onnx")
    show(tables.exported_tflite(model, str(wanted.out)), document, json_wanted=json_wanted)


def _form(wanted: Exchange, graph: Graph) -> Any:
    return wanted.form or ("step" if graph.window_reason is None else "window")


def _float_model(model: str) -> Graph:
    """The float model of a file; a .esq keeps the one that it was made of."""
    from edgeseq.frontend import load_model

    path = Path(model)
    return read_esq(path).source if path.suffix == ".esq" else load_model(path)


# Format -> (suffix of its files, forms it has, what writes it).
EXCHANGE: dict[str, tuple[str, tuple[str, ...], Callable[..., None]]] = {
    "tflite": (".tflite", ("step", "stateful", "unrolled", "window", "fused"), write_tflite),
    "onnx": (".onnx", ("step", "unrolled", "window", "float"), write_onnx),
}
# Time steps of calibration data on which an export measures what it cannot promise.
_MEASURED_STEPS = 2000
PRECISIONS = ("int", "float32", "float16")
FORMS = tuple(dict.fromkeys(form for _, forms, _ in EXCHANGE.values() for form in forms))


def check(file_format: str, wanted: Exchange) -> None:
    """Raise TargetError for options that the format does not have, OutputError for a file of another kind."""
    if file_format not in EXCHANGE:
        given = {"--form": wanted.form, "--steps": wanted.steps, "--precision": wanted.precision}
        names = [name for name, value in given.items() if value is not None]
        names += ["--wide-weights"] * wanted.wide_weights + _descriptions(wanted)
        if names:
            raise TargetError(
                f"{', '.join(names)}: not of C projects, which are integers with a step and a window function in one. "
                f"Leave it out, or choose another --format: {', '.join(EXCHANGE)}"
            )
        return
    suffix, forms, _ = EXCHANGE[file_format]
    if wanted.form not in (None, *forms):
        raise TargetError(f"--format {file_format} has no form {wanted.form!r}; it has: {', '.join(forms)}")
    if wanted.options:
        raise TargetError(f"{', '.join(wanted.options)}: of C projects alone; leave it out with --format {file_format}")
    if file_format != "tflite" and _descriptions(wanted):
        raise TargetError(f"{', '.join(_descriptions(wanted))}: of .tflite files alone; leave it out with --format {file_format}")
    if wanted.form == "fused" and (wanted.wide_weights or wanted.precision not in (None, "int")):
        raise TargetError(
            "--form fused is int8 with 8-bit weights; leave out --precision and --wide-weights, or choose another --form"
        )
    if wanted.wide_weights and wanted.precision not in (None, "int"):
        raise TargetError(f"--wide-weights: of integers alone; leave it out with --precision {wanted.precision}")
    if wanted.out.suffix != suffix:
        raise OutputError(f"{wanted.out}: expected a file that ends in {suffix}. Choose another --out")
    if wanted.out.is_dir():
        raise OutputError(f"{wanted.out} is a folder; expected a file. Choose another --out")


def _descriptions(wanted: Exchange) -> list[str]:
    given = {"--describe": wanted.describe, "--sampling-rate": wanted.sampling_rate}
    return [name for name, value in given.items() if value is not None]
