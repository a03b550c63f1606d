"""The options of `edgeseq train`: how data is read, and how a model is built and trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from edgeseq.cli.amounts import FiniteRange
from edgeseq.data import TASK_NAMES

F = TypeVar("F", bound=Callable[..., Any])
MAX_UNITS = 4096


def _names(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def parse_units(context: click.Context, parameter: click.Parameter, value: str) -> int | tuple[int, ...]:
    """Units of all layers, or of each."""
    try:
        sizes = tuple(int(word) for word in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no number; expected such as 32, or 32,16 for two layers") from None
    if not all(1 <= size <= MAX_UNITS for size in sizes):
        raise click.BadParameter(f"{value!r}: expected 1 to {MAX_UNITS} units")
    return sizes if len(sizes) > 1 else sizes[0]


def _finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Neither NaN nor infinite."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no value that a target can have; expected a number")
    return value


TARGET_HELP = ".csv: column to forecast, or with --task regression to estimate."
TARGET_COLUMN = click.option("--target", metavar="COLUMN", help=TARGET_HELP)
DATA_OPTIONS = (
    click.option("--task", type=click.Choice(["auto", *TASK_NAMES]), default="auto", show_default=True, help="What to learn."),
    click.option("--window", type=click.IntRange(1), help="Steps (or audio frames) per window.  [default: 128 for streams]"),
    click.option("--stride", type=click.IntRange(1), help="Steps from window to window.  [default: half a window]"),
    click.option("--label", metavar="COLUMN", help=".csv: column of classes; with --task anomaly, of known anomalies."),
    TARGET_COLUMN,
    click.option("--horizon", type=click.IntRange(1), default=1, show_default=True, help="Steps ahead of a forecast."),
    click.option("--subject", metavar="COLUMN", help=".csv: who was measured. .wav: a pattern such as '_([a-z]+)_'."),
    click.option("--sequence", metavar="COLUMN", help=".csv: rows of the same value are one sequence."),
    click.option(
        "--features", callback=_names, default="", metavar="COLUMNS", help=".csv: inputs.  [default: all other numbers]"
    ),
    click.option("--rows", is_flag=True, help=".csv: each line is a window of one feature."),
    click.option("--anomalies", metavar="JSON", help=".csv: file of [start, end] spans, times or row numbers."),
    click.option("--target-max", type=float, callback=_finite, help="Cut targets above this value."),
    click.option("--test-share", type=FiniteRange(0, 1, min_open=True, max_open=True), help="Share held out for testing."),
    click.option("--rate", "rate_hz", type=click.IntRange(1000, 192_000), help=".wav: resample to this rate in Hz."),
    click.option("--frame-ms", type=FiniteRange(1, 1000), default=32.0, show_default=True, help=".wav: samples per step."),
    click.option("--hop-ms", type=FiniteRange(1, 1000), default=16.0, show_default=True, help=".wav: from step to step."),
    click.option("--mel-bands", type=click.IntRange(1, 256), default=20, show_default=True, help=".wav: features per step."),
)
# Where --target is what runs the model.
DATA_OPTIONS_BESIDE_TARGET = (
    *(option for option in DATA_OPTIONS if option is not TARGET_COLUMN),
    click.option("--target-column", metavar="COLUMN", help=TARGET_HELP),
)
SHAPE_OPTIONS = (
    click.option("--cell", default="gru", show_default=True, metavar="CELL", help="gru, lstm, rnn, ...; lstm+gru stacks two."),
    click.option("--units", callback=parse_units, default="32", show_default=True, help="Hidden size; 32,16 for two layers."),
    click.option("--layers", type=click.IntRange(1, 8), default=1, show_default=True),
    click.option("--bidirectional", is_flag=True, help="Read windows both ways; for tasks with one output per window."),
)
FITTING_OPTIONS = (
    click.option("--dropout", type=FiniteRange(0, 1, max_open=True), default=0.0, show_default=True, help="After each cell."),
    click.option("--epochs", type=click.IntRange(1), default=20, show_default=True),
    click.option(
        "--patience", type=click.IntRange(1), default=15, show_default=True, help="Epochs without progress before a stop."
    ),
    click.option("--batch-size", type=click.IntRange(1), help="Windows per update.  [default: 64, or less for few windows]"),
    click.option("--learning-rate", type=FiniteRange(0, min_open=True), default=3e-3, show_default=True),
    click.option("--optimizer", type=click.Choice(["adam", "rmsprop"]), default="adam", show_default=True),
    click.option("--clipnorm", type=FiniteRange(0, min_open=True), default=1.0, show_default=True, help="Of each gradient."),
    click.option("--class-weights", type=click.Choice(["none", "balanced"]), default="none", show_default=True),
)
VALIDATION_OPTIONS = (
    click.option("--validation", type=click.Choice(["auto", "subjects", "random"]), default="auto", show_default=True),
    click.option("--validation-share", type=FiniteRange(0, 1, min_open=True, max_open=True), default=0.1, show_default=True),
)
RECIPE_OPTIONS = (
    *SHAPE_OPTIONS,
    *FITTING_OPTIONS,
    click.option("--mask", is_flag=True, help="Skip the padding of windows of unequal length."),
    *VALIDATION_OPTIONS,
    click.option(
        "--alarm-quantile",
        type=FiniteRange(0, 1, min_open=True),
        default=0.999,
        show_default=True,
        help="Anomaly: share of validation errors below the threshold.",
    ),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
)


def all_of(options: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    """Return one decorator of many, in the order of the help page."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
