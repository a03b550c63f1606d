"""`edgeseq compare`: cells beside each other, alike in size, over several seeds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeseq.cli.options import compiler_option, json_option, optimize_option, target_option
from edgeseq.cli.output import NOTES, Stages, progress, show, show_notes
from edgeseq.cli.train_options import DATA_OPTIONS_BESIDE_TARGET, FITTING_OPTIONS, VALIDATION_OPTIONS, all_of, parse_units
from edgeseq.data import DataOptions
from edgeseq.errors import TrainingError
from edgeseq.files import write_atomically
from edgeseq.quantize.types import SCHEMES

if TYPE_CHECKING:
    from edgeseq.choose.comparison import CellComparison

_DATA_NAMES = tuple(name for name in DataOptions.__dataclass_fields__ if name != "target")


def _cells(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


@click.command()
@click.option("--data", required=True, metavar="DATA", help="A .npz, a .csv, a folder of .wav files, or 'digits'.")
@click.option(
    "--cells",
    callback=_cells,
    default="rnn,gru,lstm",
    show_default=True,
    metavar="CELLS",
    help="Comma-separated; the first is the reference. rnn, gru, lstm, fastgrnn, mgu, mingru, or stacks such as lstm+gru.",
)
@click.option(
    "--match",
    type=click.Choice(["units", "parameters", "flash"]),
    default="units",
    show_default=True,
    help="What is equal: units of each layer, parameters with the head, or bytes of the linked image.",
)
@click.option(
    "--units", callback=parse_units, default="32", show_default=True, help="Of the reference; 32,16 for two layers, of each cell."
)
@click.option(
    "--seeds", type=click.IntRange(1), default=5, show_default=True, help="Trainings of each cell, with seeds 0 and up."
)
@click.option("--scheme", type=click.Choice(SCHEMES), default="int8", show_default=True)
@target_option
@optimize_option
@compiler_option
@all_of(FITTING_OPTIONS)
@all_of(VALIDATION_OPTIONS)
@all_of(DATA_OPTIONS_BESIDE_TARGET)
@click.option("--jobs", type=click.IntRange(1), help="Processes that train, one thread each.  [default: one per processor core]")
@click.option("--resume", is_flag=True, help="Go on with the comparison in --out; --seeds and --cells may grow.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, metavar="RUN_DIR", help="Folder of models and results.json."
)
@json_option
def compare(
    data: str,
    cells: tuple[str, ...],
    match: Any,
    units: int | tuple[int, ...],
    seeds: int,
    scheme: Any,
    target: str,
    optimize: Any,
    compiler: Any,
    target_column: str | None,
    jobs: int | None,
    resume: bool,
    out: Path,
    json_wanted: bool,
    **settings: Any,
) -> None:
    """Train cells of equal units, parameters or flash with several seeds, and say which is better, if any is.

    Every model is quantised and scored as integers; intervals are paired bootstraps over seeds and test windows. RUN_DIR
    keeps all finished models: a run that was stopped goes on with --resume.
    """
    from edgeseq.choose.comparison import Plan
    from edgeseq.choose.comparison import compare as run
    from edgeseq.data import load_data
    from edgeseq.report import comparison as shown
    from edgeseq.train import Recipe

    recipe = Recipe(**{name: value for name, value in settings.items() if name not in _DATA_NAMES or name == "validation_share"})
    sizes = (units,) if isinstance(units, int) else units
    plan = Plan(cells, sizes, match, seeds, scheme, target, optimize, compiler, recipe)
    options = DataOptions(target=target_column, **{name: settings[name] for name in _DATA_NAMES})
    command = ["edgeseq", *click.get_current_context().obj]
    with progress() as display:
        stages = Stages(display)
        stages.start("loading data")
        loaded = load_data(data, options)
        show_notes(loaded.notes)
        stages.start(f"comparing {', '.join(cells)} on {loaded.name}", total=len(cells) * seeds)

        def watch(words: str, done: int, total: int) -> None:
            stages.advance(done, f"{done} of {total}; {words}")
            if not NOTES.is_terminal:
                NOTES.print(f"{done} of {total}; {words}", highlight=False, soft_wrap=True, markup=False)

        def save(found: CellComparison) -> None:
            text = json.dumps(shown.document(found, loaded, command), indent=1, allow_nan=False)
            write_atomically(out / "results.json", text + "\n")

        try:
            found = run(loaded, plan, out, jobs=jobs or _cores(), resume=resume, save=save, watch=watch)
        except (KeyboardInterrupt, TrainingError):
            if (out / "results.json").exists():
                NOTES.print(f"finished models are kept in {out}; --resume goes on with them", highlight=False, markup=False)
            raise
    show(shown.table(found, loaded), shown.document(found, loaded, command), json_wanted=json_wanted)


def _cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
