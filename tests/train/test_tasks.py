"""Tasks: weights, metrics worked out by hand, targets back in their unit."""

import numpy as np
import pytest

from edgeseq.data import DataSet, Part
from edgeseq.train import Recipe, train
from edgeseq.train.split import Split
from edgeseq.train.tasks import TASKS

RNG = np.random.default_rng(0)


def parts_of(part: Part, test: Part | None = None) -> Split:
    return Split(part, part, test or part, "random")


def task_of(name, part, recipe=None, test=None, **settings):
    data = DataSet("d", part, test or part, task=name, **settings)
    return TASKS[name](data, parts_of(part, test), recipe or Recipe())


def test_balanced_classes_weigh_the_same():
    """Balanced weights give each class the same sum and the whole a mean of 1."""
    y = np.array([0] * 6 + [1] * 3 + [2])
    weight = task_of("classification", Part(np.zeros((10, 2, 1), np.float32), y), Recipe(class_weights="balanced")).examples
    weights = weight(Part(np.zeros((10, 2, 1), np.float32), y)).weight
    sums = [weights[y == c].sum() for c in range(3)]
    assert np.allclose(sums, 10 / 3)
    assert (
        task_of("classification", Part(np.zeros((10, 2, 1), np.float32), y)).examples(Part(np.zeros((10, 2, 1)), y)).weight
        is None
    )


def test_padded_steps_weigh_nothing():
    """Per-step tasks give padding no weight, and valid steps the same."""
    y = RNG.integers(0, 2, (4, 5))
    part = Part(np.zeros((4, 5, 1), np.float32), y, np.array([1, 5, 3, 2]))
    weight = task_of("tagging", part).examples(part).weight
    assert np.allclose(weight, part.valid(at_end=True) * 20 / 11)


def test_classification_metrics():
    """Accuracy, balanced accuracy, macro F1 and confusion of a small table."""
    wanted, answer = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])
    part = Part(np.zeros((6, 2, 1), np.float32), wanted)
    metrics = task_of("classification", part).judge(lambda _: np.eye(3)[answer], parts_of(part))
    assert metrics["confusion"] == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert metrics["accuracy"] == pytest.approx(4 / 6)
    assert metrics["balanced_accuracy"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert metrics["macro_f1"] == pytest.approx((2 * 2 / 6 + 2 * 2 / 5 + 0) / 3)
    assert metrics["majority_accuracy"] == 0.5


def test_tagging_ignores_padding():
    """Wrong answers on padding cost nothing."""
    y = RNG.integers(0, 3, (4, 5))
    part = Part(np.zeros((4, 5, 1), np.float32), y, np.array([1, 5, 3, 2]))
    answer = np.where(part.valid(at_end=True), y, (y + 1) % 3)
    assert task_of("tagging", part).judge(lambda _: np.eye(3)[answer], parts_of(part))["accuracy"] == 1.0


def test_forecast_metrics_beside_persistence():
    """Errors over valid steps, beside those of taking the present value for the future one."""
    x = np.arange(10, dtype=np.float32).reshape(2, 5, 1)
    part = Part(x, x + 2, np.array([5, 3]))
    metrics = task_of("forecast", part, target_columns=(0,), horizon=2).judge(lambda p: p.y + 1, parts_of(part))
    assert (metrics["mae"], metrics["rmse"], metrics["persistence_mae"], metrics["persistence_rmse"]) == (1, 1, 2, 2)


def test_regression_answers_in_the_unit_of_its_target():
    """A trained regressor's saved model gives raw values: judged again from its outputs, the same error."""
    x = RNG.normal(0, 1, (120, 6, 2)).astype(np.float32)
    y = (1000 + 200 * x[:, -1, :1]).astype(np.float32)
    data = DataSet("d", Part(x[:90], y[:90]), Part(x[90:], y[90:]), task="regression")
    result = train(data, Recipe(cell="rnn", units=8, epochs=25, learning_rate=0.02))
    assert result.metrics["rmse"] < 0.25 * result.metrics["mean_baseline_rmse"]
    predicted = result.model(x[90:]).numpy()
    # float32 around 1000, through a batch of another size: far below 0.01.
    assert float(np.sqrt(np.mean((predicted - y[90:]) ** 2))) == pytest.approx(result.metrics["rmse"], abs=0.01)


def test_multilabel_metrics():
    """NLL sums over labels; frame accuracy is TP / (TP + FP + FN)."""
    y = np.array([[[1, 0, 1], [0, 0, 1]]], np.float32)
    p = np.array([[[0.8, 0.4, 0.4], [0.6, 0.1, 0.9]]])
    part = Part(y, y)
    metrics = task_of("multilabel", part).judge(lambda _: p, parts_of(part))
    nll = -np.log([0.8, 0.6, 0.4, 0.4, 0.9, 0.9]).sum() / 2
    assert metrics["nll_nats_per_step"] == pytest.approx(nll)
    assert metrics["frame_accuracy"] == pytest.approx(2 / 4)
    assert metrics["marginal_nll_nats_per_step"] == pytest.approx(-np.log([0.5, 0.5]).sum() / 2 + 0, abs=1e-5)


def test_anomalies_by_forecast_error():
    """The threshold is the validation errors' quantile in their own spread; spans count once, steps each."""
    y = np.zeros((1, 100, 1), np.float32)
    error = np.tile([1.0, -1.0], 50)[None, :, None]
    validation = Part(y, y)
    marks = np.zeros((1, 100), np.int8)
    marks[0, 10:20] = marks[0, 50:55] = 1
    test = Part(y, y, marks=marks)
    bad = error.copy()
    bad[0, [12, 13, 80]] = 5
    task = task_of("anomaly", validation, Recipe(alarm_quantile=1.0), test, target_columns=(0,), horizon=1)
    metrics = task.judge(lambda part: bad if part is test else error, Split(validation, validation, test, "given"))
    assert (metrics["threshold"], metrics["error_std"], metrics["alarms"]) == (1.0, [1.0], 3)
    assert metrics["precision"] == pytest.approx(2 / 3)
    assert metrics["recall"] == pytest.approx(2 / 15)
    assert (metrics["spans"], metrics["spans_found"]) == (2, 1)
    assert metrics["false_alarms_per_1000_steps"] == pytest.approx(1000 / 85)
    assert "window_recall" not in metrics


def test_anomalous_windows():
    """Where whole windows are normal or not, each is judged by its mean error."""
    y = np.zeros((4, 10, 1), np.float32)
    marks = np.zeros((4, 10), np.int8)
    marks[2:] = 1
    validation, test = Part(y, y), Part(y, y, marks=marks)
    error = np.ones((4, 10, 1))
    task = task_of("anomaly", validation, Recipe(alarm_quantile=1.0), test, target_columns=(0,), horizon=1)
    scale = np.array([0.5, 0.5, 0.5, 3])[:, None, None]
    metrics = task.judge(lambda part: error * scale if part is test else error, Split(validation, validation, test, "given"))
    assert (metrics["window_precision"], metrics["window_recall"], metrics["window_accuracy"]) == (1.0, 0.5, 0.75)


LEARNED = {
    "tagging": lambda x: (x[..., 0].cumsum(axis=1) > 0).astype(np.int64),
    "multilabel": lambda x: (x > 0).astype(np.float32),
}


@pytest.mark.parametrize("name", list(LEARNED))
def test_step_tasks_learn(name):
    """A cell learns targets per step on padded sequences."""
    x = RNG.normal(0, 1, (150, 8, 2)).astype(np.float32)
    y, lengths = LEARNED[name](x), RNG.integers(3, 9, 150)
    parts = [Part(x[a:b], y[a:b], lengths[a:b]) for a, b in ((0, 110), (110, 150))]
    result = train(DataSet("d", *parts, task=name), Recipe(cell="rnn", units=12, epochs=25, learning_rate=0.02))
    key = {"tagging": "accuracy", "multilabel": "frame_accuracy"}[name]
    assert result.metrics[key] > 0.9
