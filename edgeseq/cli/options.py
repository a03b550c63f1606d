"""Options that several commands share, and how MODEL is resolved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from edgeseq.arith.entry import InputDtype
from edgeseq.arith.matmul import Scheme
from edgeseq.errors import CalibrationError
from edgeseq.quantize import QuantGraph, quantize, read_esq
from edgeseq.quantize.trained import unfixed
from edgeseq.targets import target_names

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "json_wanted", is_flag=True, help="Print the result as JSON on stdout.")
model_argument = click.argument("model", metavar="MODEL")
out_option = click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Where the result goes.")
calibration_option = click.option(
    "--calibration",
    metavar="DATA",
    help="Windows that set the ranges: .npz, FILE.npz:KEY, .csv or a known name. Not needed for a .esq, or after train --qat.",
)
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


def resolve_model(
    model: str, calibration: str | None, input_dtype: InputDtype = "auto", scheme: Scheme | None = None
) -> QuantGraph:
    """Read a .esq, or read and quantise a .keras or .h5 with its calibration data; one trained with integers needs none."""
    path = Path(model)
    if path.suffix == ".esq":
        return read_esq(path)
    from edgeseq.frontend import load_model

    graph = load_model(path)
    if calibration is None and not unfixed(graph):
        return quantize(graph, scheme=scheme, input_dtype=input_dtype)
    if calibration is None:
        raise CalibrationError(
            f"{model}: a float model needs calibration data. Add --calibration DATA (.npz, .csv or a known name), "
            "or pass the .esq that 'edgeseq quantize' wrote"
        )
    from edgeseq.data import load_windows

    return quantize(graph, load_windows(calibration), scheme, input_dtype=input_dtype)
