"""One trial, in a worker: train, stop early where it is poor, quantise, score float and integers on the validation part."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeseq.choose.configuration import Configuration
from edgeseq.choose.metric import METRICS
from edgeseq.choose.scores import BATCH, Floats, WindowScores, integer_outputs, window_scores
from edgeseq.choose.search.proposals.space import Proposal
from edgeseq.choose.search.trials.median import MedianRule
from edgeseq.choose.search.trials.windows import seen_by
from edgeseq.data import DataSet, Part
from edgeseq.errors import TrainingError
from edgeseq.quantize.types import QuantGraph
from edgeseq.train import Recipe, build_tcn, build_transformer

CALIBRATION_WINDOWS = 128
_OUT_OF_TIME = "out of time"
BUILDS: dict[str, Callable[[Any, DataSet, Recipe], Any]] = {"tcn": build_tcn, "transformer": build_transformer}


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """What a worker is told. seconds: after which training ends with the epochs it has, None: never; of the worker's clock."""

    number: int
    proposal: Proposal
    epochs: int
    patience: int
    seed: int
    rule: MedianRule = field(default_factory=MedianRule)
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What a trial found. status: stopped early where the median rule said so. reason: of that, or of a short training.

    float_score, score: of the float model and of the integers, on the validation part. keras, esq: the files.
    """

    status: str
    reason: str | None
    float_score: float
    score: float
    history: tuple[dict[str, float], ...]
    seconds: float
    keras: bytes
    esq: bytes


def recipe_of(spec: TrialSpec) -> Recipe:
    """Return how a trial trains. A reference takes its size from the recipe, and its layers from its own function."""
    network = spec.proposal.configuration
    return Recipe(
        cell="gru" if network.reference else "+".join(cell for cell, _ in network.layers),
        units=network.units,
        epochs=spec.epochs,
        patience=spec.patience,
        learning_rate=spec.proposal.learning_rate,
        dropout=spec.proposal.dropout,
        seed=spec.seed,
    )


def out_of_time(reason: str | None) -> bool:
    """Whether that is the reason of a training which the end of the search cut short: what it scored says little."""
    return (reason or "").startswith(_OUT_OF_TIME)


def run_trial(data: DataSet, spec: TrialSpec) -> TrialResult:
    """Train and score one candidate. Nothing of the test part is read. Raises TrainingError."""
    from edgeseq.frontend import load_model
    from edgeseq.train import train
    from edgeseq.train.backend import import_keras

    started = time.monotonic()
    import_keras().utils.clear_session()
    network = spec.proposal.configuration
    seen = seen_by(data, network)
    assert seen.validation is not None
    # Judged on the validation part: the test part is for finalists.
    learning = replace(seen, test=seen.validation)
    watch = _Watch(METRICS[data.task].watched, spec, started)
    result = train(learning, recipe_of(spec), watch=watch, build=BUILDS.get(network.cell))
    if result.model is None:
        raise TrainingError("interrupted before its first epoch was complete")
    outputs = np.asarray(result.model.predict(seen.validation.x, verbose=0, batch_size=BATCH))
    graph = quantized(load_model(result.model), seen, network)
    keras_file, esq_file = as_files(result.model, graph)
    return TrialResult(
        "stopped early" if watch.poor else "trained",
        watch.reason,
        window_scores(seen, seen.validation, outputs).value,
        integer_scores(seen, seen.validation, graph)[0].value,
        result.history,
        round(time.monotonic() - started, 2),
        keras_file,
        esq_file,
    )


class _Watch:
    """Ends a fit that is poor or out of time."""

    def __init__(self, figure: str, spec: TrialSpec, started: float) -> None:
        self._figure, self._spec, self._started = figure, spec, started
        self._best = -np.inf
        self.poor = False
        self.reason: str | None = None

    def __call__(self, done: float, logs: dict[str, float]) -> None:
        from edgeseq.train.fit import StopFit

        if not logs:
            return
        if self._spec.seconds is not None and time.monotonic() - self._started > self._spec.seconds:
            self.reason = f"{_OUT_OF_TIME} after {int(done)} of {self._spec.epochs} epochs"
            raise StopFit
        if done != int(done):
            return
        sign = 1 if self._figure == "val_accuracy" else -1
        self._best = max(self._best, sign * logs[self._figure])
        median = self._spec.rule.stops(self._best, int(done))
        if median is not None:
            self.poor = True
            self.reason = (
                f"stopped after {int(done)} of {self._spec.epochs} epochs: {self._figure} {sign * self._best:.4g} is worse than "
                f"{sign * median:.4g}, the median of what trials before it averaged until then"
            )
            raise StopFit


def quantized(graph: Any, seen: DataSet, network: Configuration) -> QuantGraph:
    """Quantise after training, on seeded training windows; a graph that was trained with integers keeps its own."""
    from edgeseq.quantize import quantize

    chosen = np.random.default_rng(0).permutation(len(seen.x_train))[:CALIBRATION_WINDOWS]
    return quantize(graph, seen.x_train[chosen], network.scheme, input_dtype=network.input_dtype)


def integer_scores(seen: DataSet, part: Part, graph: QuantGraph) -> tuple[WindowScores, Floats]:
    """Score the integers on a part; also return their outputs."""
    outputs = integer_outputs(graph, part, stepwise=seen.padded_at_end)
    return window_scores(seen, part, outputs), outputs


def as_files(model: Any, graph: QuantGraph) -> tuple[bytes, bytes]:
    """Return the bytes of the .keras and the .esq."""
    from edgeseq.quantize import write_esq
    from edgeseq.train import save_keras

    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        keras_file, esq_file = Path(scratch) / "model.keras", Path(scratch) / "model.esq"
        save_keras(model, keras_file)
        write_esq(graph, esq_file)
        return keras_file.read_bytes(), esq_file.read_bytes()
