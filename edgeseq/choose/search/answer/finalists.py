"""Finalists: which candidates are measured, and what measuring them finds. A recommendation rests on these figures only."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeseq.choose.budget import Budget, Cost
from edgeseq.choose.metric import METRICS, Metric
from edgeseq.choose.scores import BATCH, drawn, window_scores
from edgeseq.choose.search.answer.layers import layer_costs, memory_map
from edgeseq.choose.search.proposals.target import Clock
from edgeseq.choose.search.study.candidate import Candidate, Measured, Shown
from edgeseq.choose.search.study.front import front, validation_point
from edgeseq.choose.search.trials.trial import TrialSpec, as_files, integer_scores, quantized, recipe_of
from edgeseq.choose.search.trials.windows import seen_by
from edgeseq.data import DataSet
from edgeseq.errors import EdgeseqError, EmulationError, ToolchainError
from edgeseq.measure.measurement import Measurement
from edgeseq.quantize.types import QuantGraph
from edgeseq.targets import Optimize, resolve_target

# Time steps that the emulator runs to compare with the oracle; beyond that a test part only costs time.
EMULATED_STEPS = 20_000
# Cells whose best candidate is measured whatever else is: the comparison that people ask for.
ALWAYS = ("gru", "lstm")
# Time steps of a forecast that are drawn.
FORECAST_STEPS = 400


def pick(candidates: Sequence[Candidate], metric: Metric, count: int) -> list[Candidate]:
    """Return the finalists, best validation score first: of the Pareto front, then of the rest, and the best GRU and LSTM."""
    ranked = sorted(
        (each for each in candidates if each.validation is not None and each.feasible and each.files),
        key=lambda each: (validation_point(each, metric), each.number),
    )
    # Those that were stopped early are for want of better.
    ranked = [each for each in ranked if each.status != "stopped early"] or ranked
    on_front = set(front([validation_point(each, metric) for each in ranked]))
    ordered = [each for index, each in enumerate(ranked) if index in on_front]
    ordered += [each for index, each in enumerate(ranked) if index not in on_front]
    chosen = ordered[:count]
    for cell in ALWAYS:
        best = next((each for each in ranked if each.cell == cell), None)
        if best is not None and best not in chosen:
            chosen.append(best)
    return chosen


@dataclass(frozen=True, slots=True)
class MeasureSpec:
    """What a worker is told of a finalist. keras, esq: its files; qat_epochs: None for quantisation after training.

    target: name of a core or a board. modes: the first that fits the budget when it is measured is taken, the last where
    none does.
    """

    trial: TrialSpec
    keras: bytes
    esq: bytes
    target: str
    modes: tuple[Optimize, ...]
    budget: Budget
    clock: Clock
    qat_epochs: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a worker found. cost: of a decision. mismatches: of the core against the oracle. keras, esq: new files after QAT."""

    measurement: Measurement
    cost: Cost
    mismatches: int
    shown: Shown
    keras: bytes
    esq: bytes


def measure(data: DataSet, spec: MeasureSpec) -> Finding:
    """Score one finalist on the test part, compile it, emulate it and compare the core with the oracle. In a worker."""
    seen = seen_by(data, spec.trial.proposal.configuration)
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as scratch:
        graph, model, method, notes, files = _integers(seen, spec, Path(scratch))
    float_outputs = np.asarray(model.predict(seen.x_test, verbose=0, batch_size=BATCH))
    scores, outputs = integer_scores(seen, seen.test, graph)
    parts = scores.by(drawn(seen, seen.test).blocks)
    windows = _spread(len(seen.test), max(1, EMULATED_STEPS // seen.x_test.shape[1]))
    measurement, cost = linked_and_run(graph, spec)
    mismatches = _mismatches(graph, seen, windows, spec.target, measurement.optimize)
    shown = Shown(
        method,
        scores.value,
        window_scores(seen, seen.test, float_outputs).value,
        # The core gives the oracle's outputs, bit for bit, or the finalist is refused.
        window_scores(seen, seen.test.take(windows), outputs[windows]).value if mismatches == 0 else None,
        len(windows),
        tuple(parts.totals.tolist()),
        tuple(parts.weights.tolist()),
        _confusion(seen, outputs),
        _forecast(seen, outputs),
        layer_costs(graph),
        notes,
    )
    return Finding(measurement, cost, mismatches, shown, *files)


def linked_and_run(graph: QuantGraph, spec: MeasureSpec) -> tuple[Measurement, Cost]:
    """Link and run the modes until one fits. Raises ToolchainError or EmulationError where none can be linked and run."""
    from edgeseq.measure.profile import profile

    core, board = resolve_target(spec.target)
    if board is not None and spec.clock.hz is not None:
        board = board.at(spec.clock.hz)
    found: tuple[Measurement, Cost] | None = None
    for mode in spec.modes:
        try:
            measurement = profile(graph, board or core, optimize=mode)
        except (ToolchainError, EmulationError):
            # Beyond the target's own memory with these kernels; the next may be smaller.
            if mode == spec.modes[-1] and found is None:
                raise
            continue
        found = measurement, spec.clock.measured(measurement)
        if not spec.budget.excess(found[1]):
            break
    assert found is not None
    return found


def _integers(
    seen: DataSet, spec: MeasureSpec, folder: Path
) -> tuple[QuantGraph, Any, str, tuple[str, ...], tuple[bytes, bytes]]:
    """Return the integers, the float model they came from, the method, notes, and the files."""
    from edgeseq.frontend import load_model
    from edgeseq.quantize import read_esq
    from edgeseq.train.backend import import_keras

    import_keras().utils.clear_session()
    from edgeseq.train.qat import load

    paths = folder / "model.keras", folder / "model.esq"
    for path, content in zip(paths, (spec.keras, spec.esq), strict=True):
        path.write_bytes(content)
    model, after_training = load(paths[0]), read_esq(paths[1])
    if spec.qat_epochs is None:
        return after_training, model, "ptq", (), (spec.keras, spec.esq)
    try:
        tuned = _tuned(seen, spec, model)
    except EdgeseqError as error:
        return after_training, model, "ptq", (f"not trained with integers: {error}",), (spec.keras, spec.esq)
    graph = quantized(load_model(tuned), seen, spec.trial.proposal.configuration)
    assert seen.validation is not None
    goodness = [_goodness(seen, each) for each in (graph, after_training)]
    if goodness[0] < goodness[1]:
        return (
            after_training,
            model,
            "ptq",
            ("training with integers validated worse, so it was left out",),
            (spec.keras, spec.esq),
        )
    return graph, model, "qat", (), as_files(tuned, graph)


def _tuned(seen: DataSet, spec: MeasureSpec, model: Any) -> Any:
    """Return the model after training with integers, as of the epoch that validates best."""
    from edgeseq.train import train_integers
    from edgeseq.train.qat import QatRecipe

    network, recipe = spec.trial.proposal.configuration, recipe_of(spec.trial)
    assert spec.qat_epochs is not None
    integers = QatRecipe(
        scheme=network.scheme,
        epochs=spec.qat_epochs,
        batch_size=recipe.batch(len(seen.train)),
        input_dtype=network.input_dtype,
        seed=recipe.seed,
    )
    assert seen.validation is not None
    return train_integers(replace(seen, test=seen.validation), recipe, model, integers).model


def _goodness(seen: DataSet, graph: QuantGraph) -> float:

    assert seen.validation is not None
    return METRICS[seen.task].goodness(integer_scores(seen, seen.validation, graph)[0].value)


def _spread(count: int, most: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return indices of at most so many windows, evenly spread over all."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _mismatches(graph: QuantGraph, seen: DataSet, windows: Any, core: str, mode: Optimize) -> int:
    from edgeseq.measure.verify import verify

    checked = verify(graph, seen.x_test[windows], cores=(core,), host=False, optimize=mode)
    return sum(row.mismatches for row in checked.against)


def _confusion(seen: DataSet, outputs: Any) -> list[list[int]] | None:
    """Rows: wanted, columns: answered."""
    if seen.task not in ("classification", "tagging"):
        return None
    answered, wanted = outputs.argmax(axis=-1), seen.y_test
    if seen.padded_at_end:
        valid = seen.test.valid(at_end=True)
        answered, wanted = answered[valid], wanted[valid]
    counts = np.zeros((seen.classes, seen.classes), np.int64)
    np.add.at(counts, (wanted, answered), 1)
    return [[int(value) for value in row] for row in counts]


def _forecast(seen: DataSet, outputs: Any) -> dict[str, Any] | None:
    """A stretch of the test part: what was, and what the integers said."""
    if seen.task not in ("regression", "forecast", "anomaly"):
        return None
    wanted = seen.y_test
    if seen.padded_at_end:
        steps = int(seen.test.valid(at_end=True)[0].sum())
        wanted, outputs = wanted[0, :steps], outputs[0, :steps]
    truth, answer = wanted[:FORECAST_STEPS, 0], outputs[:FORECAST_STEPS, 0]
    column = seen.target_columns[0] if seen.target_columns else None
    name = seen.feature_names[column] if column is not None and column < len(seen.feature_names) else "first output"
    axis = "time step" if seen.padded_at_end else "test window"
    values = {"truth": truth.astype(float).tolist(), "prediction": answer.tolist()}
    return {"name": name, "axis": axis, "time": list(range(len(truth))), **values}


def as_measured(finding: Finding, render: Callable[[Measurement], dict[str, Any]], source: dict[str, Any]) -> Measured:
    """Return what is kept of a finding. render: writes a measurement as JSON. source: what was measured (records.source_of)."""
    measurement = finding.measurement
    return Measured(
        measurement.optimize,
        finding.cost,
        render(measurement),
        finding.mismatches,
        memory_map(measurement),
        finding.shown,
        source,
    )
