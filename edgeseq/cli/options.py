"""Options that several commands share, and how MODEL is resolved."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from edgeseq.arith.entry import InputDtype
from edgeseq.errors import CalibrationError
from edgeseq.quantize import QuantGraph, quantize, read_esq
from edgeseq.quantize.ranges import CHOICES, Choice
from edgeseq.quantize.types import SCHEMES, Scheme
from edgeseq.targets import target_names

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "json_wanted", is_flag=True, help="Print the result as JSON on stdout.")
model_argument = click.argument("model", metavar="MODEL")
out_option = click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Where the result goes.")
target_option = click.option(
    "--target", metavar="TARGET", default="cortex-m4", show_default=True, help=f"One of: {', '.join(target_names())}."
)
compiler_option = click.option(
    "--compiler",
    type=click.Choice(["zig", "gcc"]),
    default="zig",
    show_default=True,
    help="zig comes from pip; gcc is the core's, e.g. arm-none-eabi-gcc. AVR has gcc alone, hosted targets zig.",
)
optimize_option = click.option(
    "--optimize",
    type=click.Choice(["speed", "size"]),
    default="speed",
    show_default=True,
    help="speed: the core's fast kernels; size: the smallest image.",
)
force_option = click.option("--force", is_flag=True, help="Replace an existing output folder.")


@dataclass(frozen=True, slots=True)
class Quantization:
    """How a float model becomes integers; all of it is ignored for a .esq."""

    calibration: str | None
    scheme: Scheme | None
    layer_schemes: dict[str, Scheme]
    input_dtype: InputDtype
    ranges: Choice
    window: int | None


def _layer_schemes(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, Scheme]:
    found: dict[str, Scheme] = {}
    for text in given:
        layer, equals, scheme = text.rpartition("=")
        if not equals or scheme not in SCHEMES:
            raise click.BadParameter(f"{text!r}; expected LAYER=SCHEME with one of {', '.join(SCHEMES)}")
        found[layer] = scheme
    return found


_QUANTIZATION = (
    click.option(
        "--calibration",
        metavar="DATA",
        help="Windows that set the ranges: .npz, FILE.npz:KEY, .csv or a name. Not needed for a .esq, or after train --qat.",
    ),
    click.option(
        "--scheme",
        type=click.Choice(SCHEMES),
        help="Activation x weight; default: int8, or as it was trained. 4-bit weights leave Dense layers at 8 bits.",
    ),
    click.option(
        "--layer-scheme",
        "layer_schemes",
        multiple=True,
        metavar="LAYER=SCHEME",
        callback=_layer_schemes,
        help="Another scheme for one layer; may be repeated.",
    ),
    click.option(
        "--input-codes",
        "input_dtype",
        type=click.Choice(["auto", "int8", "int16"]),
        default="auto",
        show_default=True,
        help="Type of the model's input; auto takes int16 where int8 would be the largest error.",
    ),
    click.option(
        "--ranges",
        type=click.Choice(CHOICES),
        default="auto",
        show_default=True,
        help="Range of a tensor: all that was seen, 99.99 % of it, or of least error; auto takes the best for each.",
    ),
    click.option(
        "--window",
        metavar="STEPS",
        type=click.IntRange(1),
        help="Time steps of a window, for a model that needs whole windows (Bidirectional, ...) and does not say how long.",
    ),
)


def quantization_options(command: F) -> F:
    """The options of `Quantization`, handed to the command as `how`."""

    @functools.wraps(command)
    def with_how(*args: Any, **options: Any) -> Any:
        how = Quantization(**{field.name: options.pop(field.name) for field in fields(Quantization)})
        return command(*args, how=how, **options)

    wrapped: Any = with_how
    for option in reversed(_QUANTIZATION):
        wrapped = option(wrapped)
    return cast("F", wrapped)


def resolve_model(model: str, how: Quantization) -> QuantGraph:
    """Read a .esq, or read and quantise a .keras or .h5 with its calibration data; one trained with integers needs none."""
    path = Path(model)
    if path.suffix == ".esq":
        quantized = read_esq(path)
        if how.window is not None and quantized.window_steps not in (None, how.window):
            raise CalibrationError(
                f"{model}: was quantised for windows of {quantized.window_steps} time steps, not {how.window}. "
                "Leave out --window, or quantise the float model again"
            )
        return quantized
    from edgeseq.frontend import load_model
    from edgeseq.quantize.trained import unfixed

    graph = load_model(path)
    if how.calibration is None and unfixed(graph):
        raise CalibrationError(
            f"{model}: a float model needs calibration data. Add --calibration DATA (.npz, .csv or a known name), "
            "or pass the .esq that 'edgeseq quantize' wrote"
        )
    from edgeseq.data import load_windows

    windows = None if how.calibration is None else load_windows(how.calibration)
    return quantize(
        graph,
        windows,
        how.scheme,
        layer_schemes=how.layer_schemes,
        input_dtype=how.input_dtype,
        ranges=how.ranges,
        window=how.window,
    )
