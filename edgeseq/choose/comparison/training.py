"""One model of a comparison: trained, quantised, and scored as integers on the test part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeseq.choose.comparison.plan import Plan, title
from edgeseq.choose.comparison.store import Record, model_paths, write_record
from edgeseq.choose.metric import METRICS
from edgeseq.choose.scores import integer_outputs, window_scores
from edgeseq.data import DataSet, Part
from edgeseq.data.types import FloatArray, per_step
from edgeseq.errors import EdgeseqError, TrainingError
from edgeseq.frontend import load_model
from edgeseq.measure.profile import profile
from edgeseq.quantize import QuantGraph, quantize, write_esq
from edgeseq.train import TrainingResult, save_keras, train
from edgeseq.train.backend import import_keras
from edgeseq.train.build import build_model
from edgeseq.train.split import split
from edgeseq.train.tasks import TASKS

CALIBRATION_WINDOWS = 256
# Sizes depend little on what calibration saw.
SIZING_WINDOWS = 16


@dataclass(frozen=True, slots=True)
class Job:
    """One model to train."""

    cell: str
    units: tuple[int, ...]
    seed: int

    @property
    def name(self) -> str:
        """Name of its files.

        >>> Job("lstm+gru", (16, 8), 3).name
        'lstm+gru-16-8-seed3'
        """
        return f"{self.cell}-{'-'.join(map(str, self.units))}-seed{self.seed}"


def calibration_windows(data: DataSet, count: int = CALIBRATION_WINDOWS) -> FloatArray:
    """Return training windows that set the ranges, the same for every model."""
    return data.x_train[np.random.default_rng(0).permutation(len(data.x_train))[:count]]


def train_model(data: DataSet, plan: Plan, folder: Path, job: Job) -> str:
    """Train, quantise and score one model, and leave its files in the folder, its record last; returns its name.

    Goes on from its checkpoint if there is one. Raises EdgeseqError that names the model.
    """
    try:
        _train_model(data, plan, folder, job)
    except EdgeseqError as error:
        raise TrainingError(f"{title(job.cell, job.units)}, seed {job.seed}: {error}") from error
    import_keras().backend.clear_session()  # a process trains many models
    return job.name


def _train_model(data: DataSet, plan: Plan, folder: Path, job: Job) -> None:
    paths = model_paths(folder, job.name)
    recipe = plan.recipe_of(job.cell, job.units, job.seed)
    result = train(data, recipe, checkpoint=paths.checkpoint, resume=paths.checkpoint.exists())
    graph = load_model(result.model)
    quantized = quantize(graph, calibration_windows(data), plan.scheme)
    stepwise = per_step(data.task, data.train.y)
    answers = {id(part): integer_outputs(quantized, part, stepwise=stepwise) for part in _judged_parts(result)}
    scores = window_scores(data, data.test, answers[id(result.parts.test)])
    judged = TASKS[data.task](data, result.parts, recipe).judge(lambda part: answers[id(part)], result.parts)
    save_keras(result.model, paths.keras)
    write_esq(quantized, paths.esq)
    description = {
        "cell": job.cell,
        "units": list(job.units),
        "seed": job.seed,
        "parameters": graph.parameters,
        "float_score": result.metrics[METRICS[data.task].key],
        "metrics": judged,
        "float_metrics": result.metrics,
        "seconds": round(sum(logs["seconds"] for logs in result.history), 3),
        "epochs": result.epochs_run,
        "best_epoch": result.best_epoch,
        "status": result.status,
        "history": [{"epoch": epoch + 1, **logs} for epoch, logs in enumerate(result.history)],
    }
    write_record(paths.record, Record(description, scores))
    paths.checkpoint.unlink(missing_ok=True)


def _judged_parts(result: TrainingResult) -> tuple[Part, ...]:
    """What the task looks at: an anomaly's threshold comes from the validation part."""
    return (result.parts.test, result.parts.validation) if result.task == "anomaly" else (result.parts.test,)


def untrained_flash(data: DataSet, plan: Plan, cell: str, units: tuple[int, ...]) -> int:
    """Return the bytes of the linked image of such a network before training: what it learns changes them by a few at most."""
    keras = import_keras()
    keras.utils.set_random_seed(0)
    recipe = plan.recipe_of(cell, units, 0)
    parts = split(data, recipe)
    model = build_model(keras, parts.train, TASKS[data.task](data, parts, recipe).head, recipe, f"{data.name}_sized")
    graph = quantize(load_model(model), calibration_windows(data, SIZING_WINDOWS), plan.scheme)
    return profile(graph, plan.target, compiler=plan.compiler, optimize=plan.optimize).flash_image_bytes


def profile_inputs(graph: QuantGraph, data: DataSet) -> Any:
    """Return codes of test windows, one after the other, (steps, features), that a profile runs."""
    from edgeseq.simulate.oracle import quantize_input

    return quantize_input(graph.input, data.x_test[:64]).reshape(-1, graph.input_size)
