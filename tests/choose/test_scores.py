"""Scores window by window add up to the figures that training reports."""

import numpy as np
import pytest

from edgeseq.choose.metric import ACCURACY, MAE, METRICS
from edgeseq.choose.scores import STRETCHES, baseline, drawn, gain, window_scores
from edgeseq.choose.search.answer.difference import difference
from edgeseq.data import DataSet, Part
from edgeseq.train.recipe import Recipe
from edgeseq.train.split import Split
from edgeseq.train.tasks import TASKS

STEPS = 6


def data_of(task: str, *, lengths: bool) -> tuple[DataSet, np.ndarray]:
    """A data set of 40 and 30 windows, and made-up predictions of its test part."""
    rng = np.random.default_rng(0)
    parts = []
    for n in (40, 30):
        x = rng.normal(0, 1, (n, STEPS, 2)).astype(np.float32)
        y = {
            "classification": rng.integers(0, 3, n),
            "tagging": rng.integers(0, 3, (n, STEPS)),
            "regression": rng.normal(3, 1, (n, 2)).astype(np.float32),
            "forecast": rng.normal(0, 1, (n, STEPS, 1)).astype(np.float32),
            "anomaly": rng.normal(0, 1, (n, STEPS, 2)).astype(np.float32),
            "multilabel": (rng.random((n, STEPS, 4)) < 0.3).astype(np.float32),
        }[task]
        parts.append(Part(x, y, rng.integers(2, STEPS + 1, n) if lengths else None))
    columns = {"forecast": (1,), "anomaly": (0, 1)}.get(task, ())
    data = DataSet("made", *parts, task=task, target_columns=columns)
    outputs = {"classification": 3, "tagging": 3, "regression": 2, "forecast": 1, "anomaly": 2, "multilabel": 4}[task]
    shape = (30, outputs) if task in ("classification", "regression") else (30, STEPS, outputs)
    answer = rng.random(shape)
    return data, answer


@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize("task", list(METRICS))
def test_windows_add_up_to_the_tasks_metric(task, lengths):
    """The value over all windows is what the task's own judge says, padding left out."""
    data, answer = data_of(task, lengths=lengths)
    parts = Split(data.train, data.train, data.test, "given")
    judged = TASKS[task](data, parts, Recipe()).judge(
        lambda part: answer if part is data.test else np.zeros((40, *answer.shape[1:])), parts
    )
    found = window_scores(data, data.test, answer)
    assert found.totals.shape == found.weights.shape == (30,)
    # Sums in float64 in another order.
    assert found.value == pytest.approx(judged[METRICS[task].key], rel=1e-9)


def test_baselines_are_those_of_training():
    """Errors are judged against the baselines that training prints; classes against the most frequent one."""
    for task, key in (("forecast", "persistence_mae"), ("multilabel", "marginal_nll_nats_per_step")):
        data, answer = data_of(task, lengths=True)
        parts = Split(data.train, data.train, data.test, "given")
        # float32 differences in one of the two.
        assert baseline(data, data.test)[1].value == pytest.approx(
            TASKS[task](data, parts, Recipe()).judge(lambda _, a=answer: a, parts)[key], rel=1e-5
        )
    data, _ = data_of("classification", lengths=False)
    most = np.bincount(data.y_train).argmax()
    assert baseline(data, data.test)[1].value == (data.y_test == most).mean()
    data, _ = data_of("regression", lengths=False)
    assert baseline(data, data.test)[1].value == pytest.approx(np.abs(data.y_test - data.y_train.mean(axis=0)).mean(), rel=1e-6)


def test_gains_are_points_or_error_removed():
    assert gain(ACCURACY, 0.9, 0.4) == pytest.approx(50)
    assert gain(MAE, 0.5, 2.0) == pytest.approx(75)
    assert gain(MAE, 3.0, 2.0) == pytest.approx(-50)
    assert gain(MAE, 0.0, 0.0) == 0


def test_subjects_are_drawn_together_where_there_are_enough():
    """Five subjects or more are drawn as such; fewer, or none, leave windows."""
    x, y = np.zeros((12, 2, 1), np.float32), np.arange(12) % 2
    data = DataSet("made", Part(x, y), Part(x, y))
    many = drawn(data, Part(x, y, subjects=np.array(list("aabbccddeeff"))))
    assert (many.what, many.blocks.tolist()) == ("test subjects", [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    few = drawn(data, Part(x, y, subjects=np.array(list("aaaabbbbcccc"))))
    assert (few.what, few.blocks.tolist()) == ("test windows", list(range(12)))
    assert drawn(data, Part(x, y)).blocks.tolist() == list(range(12))
    answer = np.eye(2)[y]
    summed = window_scores(data, Part(x, y), answer).by(many.blocks)
    assert (summed.totals.tolist(), summed.weights.tolist()) == ([2.0] * 6, [2.0] * 6)


@pytest.mark.parametrize("windows", [1, 3, 19, 20])
def test_few_streams_are_drawn_by_stretches_of_time(windows):
    """Fewer than 20 windows whose steps all count fall into 20 stretches or some more, which add up to the same figure."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(windows, 101, 1)).astype(np.float32)
    lengths = rng.integers(60, 102, windows)
    part = Part(x, x, lengths)
    data = DataSet("made", part, part, task="forecast", target_columns=(0,))
    found, units = window_scores(data, part, x + 1), drawn(data, part)
    assert len(found.totals) == units.count == len(units.blocks) == windows * -(-STRETCHES // windows)
    assert STRETCHES <= units.count < STRETCHES + windows
    assert found.weights.sum() == lengths.sum()
    assert found.value == pytest.approx(1)
    assert units.what == ("test windows" if windows >= STRETCHES else "stretches of the test part")
    by_window = found.weights.reshape(windows, -1)
    assert by_window.sum(axis=1).tolist() == lengths.tolist()


def test_stretches_tell_what_one_window_cannot():
    """Of one long stream the error of a difference is that of its autocorrelated steps, not 0: the textbook's within a third."""
    rng = np.random.default_rng(1)
    noise = np.convolve(rng.normal(size=4000 + 9), np.ones(10) / 10, "valid")
    x = np.zeros((1, 4000, 1), np.float32)
    part = Part(x, x)
    data = DataSet("made", part, part, task="forecast", target_columns=(0,))
    a, b = (window_scores(data, part, np.full_like(x, 5) + (sign * noise)[None, :, None]) for sign in (1, -1))
    gap = difference(a, b, MAE)
    # The sum of moving averages of 10 normal steps is that of the steps: the mean of 2 * noise has the error 2 / sqrt(4000).
    assert gap.error == pytest.approx(2 / np.sqrt(4000), rel=0.33)
    assert not gap.shown
