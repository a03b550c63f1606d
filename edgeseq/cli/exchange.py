"""`edgeseq export` to formats of other runtimes."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group

from edgeseq.cli.options import Quantization, resolve_model
from edgeseq.cli.output import show
from edgeseq.errors import DataError, MissingExtraError, OutputError, TargetError
from edgeseq.quantize import QuantGraph, read_esq

if TYPE_CHECKING:
    from edgeseq.export.onnx import Labels
    from edgeseq.export.tflite import Description
    from edgeseq.graph import Graph
    from edgeseq.measure.approximation import Approximation
    from edgeseq.measure.verify import Verification

# Time steps that the error of a form is measured on at most.
MEASURED_STEPS = 2_000
MAX_RUN_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked for.

    form, steps, precision: None where they were left out; wide_weights: store 4-bit ones in int8; ort: write a .ort
    beside the .onnx; describe: a data set whose names go into the metadata; sampling_rate: in Hz; options: of the C
    project that were given.
    """

    model: str
    out: Path
    form: str | None
    steps: int | None
    precision: str | None
    wide_weights: bool
    ort: bool
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
        graph = float_model(wanted.model)
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


def _description(wanted: Exchange) -> Description:
    """What the metadata says of the data: what --describe has, else what training left; a rate that is given counts more."""
    from edgeseq.export.tflite import Description

    if wanted.describe is None:
        said: Any = read_labels(wanted.model)
    else:
        from edgeseq.data import load_data

        said = load_data(wanted.describe)
    rate = said.feature_settings.get("rate_hz") if wanted.sampling_rate is None else wanted.sampling_rate
    return Description(said.class_names, said.feature_names, rate, said.feature_settings)


def _error_of_fused(graph: QuantGraph, how: Quantization) -> Verification | None:
    """The file beside the oracle on the calibration data; None without data or LiteRT."""
    if how.calibration is None:
        return None
    from edgeseq.data import load_windows
    from edgeseq.measure.verify import verify

    windows = load_windows(how.calibration)
    if windows.shape[2] != graph.input_size:
        raise DataError(
            f"{how.calibration}: {windows.shape[2]} features per time step; model {graph.name!r} expects {graph.input_size}"
        )
    windows = windows[: max(1, MEASURED_STEPS // windows.shape[1]), :MEASURED_STEPS]
    try:
        return verify(graph, windows, formats=["tflite-fused"], host=False)
    except MissingExtraError:
        return None


def write_onnx(wanted: Exchange, how: Quantization, *, json_wanted: bool) -> None:
    """Write an .onnx, and with --ort its .ort, and say what is in it; of forms that are not exact, how far they are off."""
    from edgeseq.export.onnx import export_float_onnx, export_onnx, export_qdq_onnx
    from edgeseq.export.onnx.ort import to_ort
    from edgeseq.files import write_atomically
    from edgeseq.measure.approximation import measure_float, measure_qdq
    from edgeseq.report import as_json, tables

    form = _onnx_form(wanted)
    labels = read_labels(wanted.model)
    measure: Callable[[Any], Approximation] | None = None
    if form in ("float", "dynamic"):
        graph = float_model(wanted.model)
        model = export_float_onnx(graph, form, labels)
        measure = functools.partial(measure_float, graph, form=form) if form == "dynamic" else None
    else:
        quantized = resolve_model(wanted.model, how)
        graph = quantized.source
        if form == "qdq":
            model = export_qdq_onnx(quantized, labels)
            measure = functools.partial(measure_qdq, quantized)
        else:
            model = export_onnx(quantized, form or _form(wanted, graph), wanted.steps, labels)
    otherwise = ", or run edgeseq verify --against qdq --input DATA" if form == "qdq" else ""
    error, note = _measured(measure, graph, how, otherwise) if measure else (None, "")
    ort = to_ort(model.data) if wanted.ort else None
    write_atomically(wanted.out, model.data)
    files = {"onnx": str(wanted.out)}
    if ort is not None:
        beside = {"ort": (wanted.out.with_suffix(".ort"), ort.ort)}
        beside["operators"] = (wanted.out.with_suffix(".required_operators.config"), ort.operators)
        for kind, (path, data) in beside.items():
            write_atomically(path, data)
            files[kind] = str(path)
    document = as_json.exported_tflite(graph, model, str(wanted.out), file_format="onnx") | {"files": files}
    if measure is not None:
        document["error"] = as_json.approximation(error) if error else None
    told = [tables.approximation(error)] if error else [note] if note else []
    told += [f"{path}: for minimal builds of onnxruntime" for kind, path in files.items() if kind != "onnx"]
    show(Group(tables.exported_tflite(model, str(wanted.out)), *told), document, json_wanted=json_wanted)


def _onnx_form(wanted: Exchange) -> Any:
    """The form that was asked for, None for the integers' own choice. Raises TargetError for options that it does not have."""
    if wanted.form in ("float", "dynamic") or wanted.precision == "float32":
        if wanted.precision not in (None, "float32") or wanted.form not in (None, "float", "dynamic") or wanted.steps is not None:
            raise TargetError(
                "--format onnx writes floats as --form float or dynamic alone, in float32, for any number of time steps; leave "
                "out --steps and --precision, or choose another --form for integers"
            )
        return wanted.form or "float"
    if wanted.precision == "float16":
        raise TargetError("--format onnx has no --precision float16; choose --form float, or leave it out for integers")
    if wanted.form == "qdq" and wanted.steps is not None:
        raise TargetError("--form qdq is one time step, or the window that the model needs; leave out --steps")
    return wanted.form


def _measured(
    measure: Callable[[Any], Approximation], graph: Graph, how: Quantization, otherwise: str
) -> tuple[Approximation | None, str]:
    """The error over the calibration data, or why it is not known; otherwise: another way to know it."""
    from edgeseq.data import load_windows

    if how.calibration is None:
        return None, f"Its error is not measured: add --calibration DATA{otherwise}"
    windows = load_windows(how.calibration)
    if windows.shape[2] != graph.input_size:
        raise DataError(
            f"{how.calibration}: {windows.shape[2]} features per time step; model {graph.name!r} expects {graph.input_size}"
        )
    windows = windows[: max(1, MEASURED_STEPS // windows.shape[1]), :MEASURED_STEPS]
    try:
        return measure(windows), ""
    except MissingExtraError as error:
        return None, f"Its error is not measured: {error}"


def read_labels(model: str) -> Labels:
    """Names of classes and features, and how features were computed, from the .run.json that training left beside a model."""
    from edgeseq.export.onnx import Labels

    path = Path(model).with_suffix(".run.json")
    if not path.is_file():
        return Labels()
    again = "Copy it again from where the model was trained, or remove it to export without names"
    try:
        if path.stat().st_size > MAX_RUN_BYTES:
            raise DataError(f"{path}: {path.stat().st_size} bytes, more than the limit of {MAX_RUN_BYTES}. {again}")
        data = json.loads(path.read_text(encoding="utf-8")).get("data", {})
        classes, features = (tuple(map(str, data.get(key) or ())) for key in ("class_names", "feature_names"))
        settings = dict(data.get("feature_settings") or {})
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: not the record of a training run ({error}). {again}") from error
    return Labels(classes, features, settings)


def _form(wanted: Exchange, graph: Graph) -> Any:
    return wanted.form or ("step" if graph.window_reason is None else "window")


def float_model(model: str) -> Graph:
    """The float model of a file; a .esq keeps the one that it was made of."""
    from edgeseq.frontend import load_model

    path = Path(model)
    return read_esq(path).source if path.suffix == ".esq" else load_model(path)


# Format -> (suffix of its files, forms it has, what writes it).
EXCHANGE: dict[str, tuple[str, tuple[str, ...], Callable[..., None]]] = {
    "tflite": (".tflite", ("step", "stateful", "unrolled", "window", "fused"), write_tflite),
    "onnx": (".onnx", ("step", "unrolled", "window", "float", "qdq", "dynamic"), write_onnx),
}
PRECISIONS = ("int", "float32", "float16")
FORMS = tuple(dict.fromkeys(form for _, forms, _ in EXCHANGE.values() for form in forms))


def check(file_format: str, wanted: Exchange) -> None:
    """Raise TargetError for options that the format does not have, OutputError for a file of another kind."""
    if file_format not in EXCHANGE:
        given = {"--form": wanted.form, "--steps": wanted.steps, "--precision": wanted.precision}
        names = [name for name, value in given.items() if value is not None]
        names += ["--wide-weights"] * wanted.wide_weights + ["--ort"] * wanted.ort + _descriptions(wanted)
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
    _check_options(file_format, wanted)
    if wanted.out.suffix != suffix:
        raise OutputError(f"{wanted.out}: expected a file that ends in {suffix}. Choose another --out")
    if wanted.out.is_dir():
        raise OutputError(f"{wanted.out} is a folder; expected a file. Choose another --out")


def _check_options(file_format: str, wanted: Exchange) -> None:
    """Raise TargetError for options of another format, or of other forms of it."""
    if wanted.ort and file_format != "onnx":
        raise TargetError(f"--ort: of .onnx alone; leave it out with --format {file_format}")
    if wanted.wide_weights and file_format != "tflite":
        raise TargetError(f"--wide-weights: of .tflite alone; leave it out with --format {file_format}")
    if file_format != "tflite" and _descriptions(wanted):
        raise TargetError(f"{', '.join(_descriptions(wanted))}: of .tflite files alone; leave it out with --format {file_format}")
    if wanted.form == "fused" and (wanted.wide_weights or wanted.precision not in (None, "int")):
        raise TargetError(
            "--form fused is int8 with 8-bit weights; leave out --precision and --wide-weights, or choose another --form"
        )
    if wanted.wide_weights and wanted.precision not in (None, "int"):
        raise TargetError(f"--wide-weights: of integers alone; leave it out with --precision {wanted.precision}")


def _descriptions(wanted: Exchange) -> list[str]:
    given = {"--describe": wanted.describe, "--sampling-rate": wanted.sampling_rate}
    return [name for name, value in given.items() if value is not None]
