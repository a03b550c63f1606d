"""`edgeseq train`: data in, model.keras and model.run.json out."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeseq.cli.options import json_option
from edgeseq.cli.output import Stages, progress, show, show_notes
from edgeseq.cli.qat_options import QatChoice, qat_options
from edgeseq.cli.train_options import DATA_OPTIONS, RECIPE_OPTIONS, all_of
from edgeseq.data import DataOptions
from edgeseq.errors import EdgeseqError, OutputError, TrainingError
from edgeseq.files import check_writable

if TYPE_CHECKING:
    from edgeseq.train import Recipe, TrainingResult
    from edgeseq.train.record import RunPaths

INTERRUPTED = 130
# What may be given beside --resume; all else comes from the run.
WITH_RESUME = {"resume", "epochs", "keep_checkpoints", "json_wanted"}


DATA_NAMES = tuple(DataOptions.__dataclass_fields__)


@click.command()
@click.option("--data", metavar="DATA", help="A .npz, a .csv, a folder of .wav files, or 'digits'.")
@all_of(DATA_OPTIONS)
@all_of(RECIPE_OPTIONS)
@qat_options
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with a run: its .run.json or .keras.")
@click.option("--keep-checkpoints", is_flag=True, help="Keep the last epoch of a complete run, to go on later.")
@click.option(
    "--save-data", type=click.Path(path_type=Path), metavar="NPZ", help="Write the windows, to calibrate and verify with."
)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The .keras; .run.json and .checkpoints lie beside it.")
@json_option
def train(
    data: str | None,
    resume: Path | None,
    keep_checkpoints: bool,
    save_data: Path | None,
    out: Path | None,
    json_wanted: bool,
    **settings: Any,
) -> None:
    """Train a model and save it as .keras, with a .run.json that tells how to repeat and judge it."""
    from edgeseq.data import load_data
    from edgeseq.train import Recipe
    from edgeseq.train.record import RunPaths, opening, read_record, write_record

    context = click.get_current_context()
    choice = QatChoice.take(settings)
    before: dict[str, Any] | None = None
    if resume is not None:
        _check_alone(context)
        paths = RunPaths.of(resume)
        before, data, options, recipe = read_record(paths.record)
        choice = QatChoice.from_json(before["qat"]) if "qat" in before else choice
        if context.get_parameter_source("epochs") is click.core.ParameterSource.COMMANDLINE:
            recipe = replace(recipe, epochs=settings["epochs"])
    elif data is None or out is None:
        raise click.UsageError("--data and --out are needed, or --resume RUN")
    elif out.suffix != ".keras":
        raise OutputError(f"{out}: the file must end in .keras")
    else:
        paths = RunPaths(out)
        recipe = Recipe(
            **{name: value for name, value in settings.items() if name not in DATA_NAMES or name == "validation_share"}
        )
        options = DataOptions(**{name: settings[name] for name in DATA_NAMES})
    check_writable(paths.model)
    with progress() as display:
        stages = Stages(display)
        stages.start("loading data")
        loaded = load_data(data, options)
        show_notes(loaded.notes)
        if save_data is not None:
            from edgeseq.data.prepared import save_data as write_data

            write_data(loaded, save_data)
        record = opening(data, options, loaded, recipe) | ({"qat": choice.as_json()} if choice.qat else {})
        if before is not None:
            _check_same(before, record, paths)
            record["started"] = before["started"]
        if resume is None:
            paths.remove_checkpoints()
        write_record(paths.record, record)
        result = _run(paths, loaded, recipe, choice, record, stages, resume=resume is not None)
    if result.status != "interrupted" and not keep_checkpoints:
        paths.remove_checkpoints()
    show(_text(paths, result, choice), _document(paths, loaded.name, result, choice), json_wanted=json_wanted)
    if result.status == "interrupted":
        sys.exit(INTERRUPTED)


def _run(
    paths: RunPaths, data: Any, recipe: Recipe, choice: QatChoice, record: dict[str, Any], stages: Stages, *, resume: bool
) -> TrainingResult:
    """Train and save; whatever ends it after the first epoch, run.json says so."""
    from edgeseq.train import check_integers, save_keras
    from edgeseq.train.record import closing, write_record

    try:
        if choice.qat:
            check_integers(recipe)
        start = choice.load_start(data) if choice.start is not None else None
        result = _floats(paths, data, recipe, stages, resume=resume) if start is None else None
        if choice.qat and (result is None or result.status != "interrupted"):
            record = record | ({"float_metrics": result.metrics} if result else {})
            result = _integers(data, recipe, choice, result.model if result else start, stages)
        assert result is not None
        if result.model is not None:
            save_keras(result.model, paths.model)
        write_record(paths.record, closing(record, result))
    except KeyboardInterrupt:
        write_record(paths.record, record | {"status": "interrupted"})
        raise
    except EdgeseqError as error:
        if paths.checkpoint.exists():
            write_record(paths.record, record | {"status": "failed", "reason": str(error)})
            raise type(error)(f"{error}. The epochs before are kept in {paths.checkpoint.parent}") from error
        paths.record.unlink(missing_ok=True)  # nothing was learnt: nothing to go on with
        raise
    return result


def _floats(paths: RunPaths, data: Any, recipe: Recipe, stages: Stages, *, resume: bool) -> TrainingResult:
    from edgeseq.train import train as train_model

    stages.start(f"training {recipe.title} on {data.name} ({data.task})", total=recipe.epochs)
    return train_model(
        data, recipe, checkpoint=paths.checkpoint, resume=resume, watch=lambda done, logs: stages.advance(done, _shown(logs))
    )


def _integers(data: Any, recipe: Recipe, choice: QatChoice, model: Any, stages: Stages) -> TrainingResult:
    from edgeseq.train import train_integers

    stages.start(f"training with integers, {choice.scheme}, on {data.name}", total=choice.qat_epochs)
    how = choice.recipe(recipe, len(data.x_train))
    return train_integers(data, recipe, model, how, lambda done, _, logs: stages.advance(done, _shown(logs)))


def _shown(logs: dict[str, float]) -> str:
    return " ".join(f"{name} {logs[name]:.4g}" for name in ("val_accuracy", "val_mae", "val_loss") if name in logs)


def _check_alone(context: click.Context) -> None:
    given = click.core.ParameterSource.COMMANDLINE
    extra = [name for name in context.params if name not in WITH_RESUME and context.get_parameter_source(name) is given]
    if extra:
        options = ", ".join(f"--{name.replace('_hz', '').replace('_', '-')}" for name in extra)
        raise click.UsageError(f"--resume takes all settings from the run; leave out {options}. Only --epochs may change")


def _check_same(before: dict[str, Any], record: dict[str, Any], paths: RunPaths) -> None:
    if before["data"]["sha256"] != record["data"]["sha256"]:
        raise TrainingError(
            f"{record['data']['source']}: the data has changed since {paths.record} was written; start the run anew"
        )
    if not paths.checkpoint.exists():
        raise TrainingError(
            f"{paths.checkpoint}: no such checkpoint; the run ended before its first epoch, or was complete "
            "(--keep-checkpoints keeps them). Start the run anew"
        )


def _document(paths: RunPaths, name: str, result: TrainingResult, choice: QatChoice) -> dict[str, Any]:
    return {
        "schema": 1,
        "model": str(paths.model),
        "run": str(paths.record),
        "data": name,
        "task": result.task,
        **result.recipe.as_json(),
        "status": result.status,
        "epochs_run": result.epochs_run,
        "best_epoch": result.best_epoch,
        "test_accuracy": result.metrics.get("accuracy"),
        "metrics": result.metrics,
        "qat": choice.as_json() if choice.qat else None,
    }


def _text(paths: RunPaths, result: TrainingResult, choice: QatChoice) -> str:
    if result.model is None:
        return f"{paths.record}: interrupted before the first epoch was complete; no model was written"
    counts = ", ".join(f"{name} {_figure(value)}" for name, value in result.metrics.items() if isinstance(value, int | float))
    how = f"epoch {result.best_epoch} of {result.epochs_run}" + ("" if result.best_epoch else " (as rounded: none was better)")
    how += "" if result.status == "complete" else f", {result.status}"
    lines = [f"{paths.model}: {result.recipe.title}, {how}"]
    if "accuracy" in result.metrics:
        kind = f"{choice.scheme}, trained with integers" if choice.qat and result.status != "interrupted" else "float"
        lines.append(f"test accuracy {result.metrics['accuracy']:.2%} ({kind}, {len(result.parts.test)} windows)")
    lines.append(f"test part: {counts}")
    if result.status == "interrupted":
        lines.append(f"go on with: edgeseq train --resume {paths.record}")
    return "\n".join(lines)


def _figure(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"
