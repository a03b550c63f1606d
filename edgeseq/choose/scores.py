"""The metric window by window, so that windows can be drawn again: of the integers, and of an answer without a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.choose.metric import ACCURACY, MAE, METRICS, NLL, Metric
from edgeseq.data import DataSet, Part
from edgeseq.data.types import per_step
from edgeseq.quantize.types import QuantGraph
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import dequantize_output, quantize_input

# Windows that run at once: their tensors stay in the processor's cache.
BATCH = 256
_SMALLEST = 1e-7
# Test parts of fewer windows whose steps all count are drawn by stretches of time, so many in all.
STRETCHES = 20
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class WindowScores:
    """The metric in parts: its value is totals.sum() / weights.sum(). totals, weights: float64 (windows,).

    Of few long windows the parts are stretches of time of each (`drawn`).
    """

    totals: Floats
    weights: Floats

    @property
    def value(self) -> float:
        """The metric over all windows."""
        return float(self.totals.sum() / self.weights.sum())

    def by(self, blocks: npt.NDArray[np.int64]) -> WindowScores:
        """Return the sums over what is drawn together."""
        return WindowScores(*(np.bincount(blocks, each).astype(np.float64) for each in (self.totals, self.weights)))


def window_scores(data: DataSet, part: Part, predicted: npt.NDArray[Any]) -> WindowScores:
    """Return the metric of each window; padded steps count nowhere.

    predicted: outputs in units of the targets, (n, outputs), or (n, time, outputs) where each step has a target.
    """
    assert part.y is not None
    stepwise = per_step(data.task, data.train.y)
    valid = part.valid(at_end=True) if stepwise else np.ones((len(part), 1), np.bool_)
    wanted, answer = (part.y, predicted) if stepwise else (part.y[:, None], predicted[:, None])
    each = _errors(METRICS[data.task], wanted, answer)
    width = wanted.shape[-1] if METRICS[data.task] is MAE else 1
    starts = np.linspace(0, valid.shape[1], _cuts(part, stepwise=stepwise), endpoint=False).astype(np.int64)
    steps = each * valid, width * valid.astype(np.float64)
    return WindowScores(*(np.add.reduceat(each, starts, axis=1).ravel() for each in steps))


def _errors(metric: Metric, wanted: npt.NDArray[Any], answer: npt.NDArray[Any]) -> Floats:
    """Return what the metric adds up, (n, time): hits, nats, or absolute errors of all outputs."""
    if metric is ACCURACY:
        return (answer.argmax(axis=-1) == wanted).astype(np.float64)
    if metric is NLL:
        p = np.clip(answer.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
        nats: Floats = -np.where(wanted > 0.5, np.log(p), np.log(1 - p)).sum(axis=-1)
        return nats
    errors: Floats = np.abs(answer.astype(np.float64) - wanted).sum(axis=-1)
    return errors


def _cuts(part: Part, *, stepwise: bool) -> int:
    """Return into how many stretches of time each window falls."""
    return 1 if not stepwise else max(1, min(part.x.shape[1], -(-STRETCHES // len(part))))


def integer_outputs(graph: QuantGraph, part: Part, *, stepwise: bool) -> Floats:
    """Run the integers on each window from a reset state; outputs (n, time, outputs), or those of the last step (n, outputs)."""
    codes = quantize_input(graph.input, part.x)
    found = []
    for at in range(0, len(codes), BATCH):
        outputs = Oracle(graph, batch=len(codes[at : at + BATCH])).run(codes[at : at + BATCH]).outputs
        found.append(dequantize_output(graph, outputs if stepwise else outputs[:, -1]))
    return np.concatenate(found)


def baseline(data: DataSet, part: Part) -> tuple[str, WindowScores]:
    """Return what an answer that needs no network is called, and how it scores on a part.

    The most frequent class of training; the mean target of training; of a forecast, the present value; of labels, how
    often each occurs in training.
    """
    train = data.train
    assert train.y is not None
    if data.target_columns:
        return "the last value seen", window_scores(data, part, part.x[..., list(data.target_columns)])
    stepwise = per_step(data.task, train.y)
    seen = train.y[train.valid(at_end=True)] if stepwise else train.y
    metric = METRICS[data.task]
    if metric is ACCURACY:
        name = "the most frequent class"
        answer = np.eye(data.classes)[np.bincount(seen.ravel(), minlength=data.classes).argmax()]
    else:
        name = "how often each label is on" if metric is NLL else "the mean of the training targets"
        answer = seen.mean(axis=0, dtype=np.float64)
    shape = (len(part), part.x.shape[1]) if stepwise else (len(part),)
    return name, window_scores(data, part, np.broadcast_to(answer, (*shape, len(answer))))


def gain(metric: Metric, value: float, base: float) -> float:
    """Points over the baseline: of an accuracy, percentage points; of an error, per cent of the baseline's error removed."""
    if metric.higher_is_better:
        return 100 * (value - base)
    return 100 * (1 - value / base) if base > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What a bootstrap draws. blocks: (parts of `window_scores`,) numbers, parts of the same number are drawn as one."""

    what: str
    blocks: npt.NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many there are to draw from."""
        return int(self.blocks.max()) + 1


def drawn(data: DataSet, part: Part, least: int = 5) -> Drawn:
    """Return what a bootstrap draws of a part: subjects where there are `least` or more, else windows, or stretches of few.

    Windows of one subject are alike, and so are overlapping windows of a recording: drawn one by one they would pretend
    to more evidence than there is. One long window would leave nothing to draw: its stretches are (Carlstein 1986, "The use
    of subseries values for estimating the variance of a general statistic", Annals of Statistics 14(3)).
    """
    cuts = _cuts(part, stepwise=per_step(data.task, data.train.y))
    if part.subjects is not None:
        names, index = np.unique(part.subjects, return_inverse=True)
        if len(names) >= least:
            return Drawn("test subjects", np.repeat(index.reshape(-1).astype(np.int64), cuts))
    parts = np.arange(len(part) * cuts, dtype=np.int64)
    return Drawn("test windows" if cuts == 1 else "stretches of the test part", parts)
