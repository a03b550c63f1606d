"""Training with integers in every task: its loss, its units, its padding, and the integers that are exported."""

import dataclasses

import numpy as np
import pytest

from edgeseq.data import DataSet, Part
from edgeseq.errors import TrainingError
from edgeseq.frontend import load_model
from edgeseq.quantize import quantize
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import quantize_input
from edgeseq.train import Recipe, train, train_integers

STEPS, TRAINING, TESTING = 8, 110, 40


def parts(x, y, **more):
    return [Part(x[a:b], y[a:b], **{key: v[a:b] for key, v in more.items()}) for a, b in ((0, TRAINING), (TRAINING, len(x)))]


def windows(features=2, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (TRAINING + TESTING, STEPS, features)).astype(np.float32)


def lengths(seed=1):
    return np.random.default_rng(seed).integers(3, STEPS + 1, TRAINING + TESTING)


def regression():
    x = windows()
    return DataSet("regression", *parts(x, np.stack([1000 + 200 * x[:, -1, 0], 3 - 90 * x[:, -1, 1]], 1)), task="regression")


def multilabel():
    x = windows()
    return DataSet("labels", *parts(x, (x > 0).astype(np.float32), lengths=lengths()), task="multilabel")


def anomaly():
    """A sine in a unit of its own, which jumps in the middle of each test window."""
    time = np.arange(STEPS + 1) + 10 * np.random.default_rng(0).random((TRAINING + TESTING, 1))
    wave = (500 + 40 * np.sin(0.7 * time[..., None])).astype(np.float32)
    train_part, test = parts(wave[:, :-1], wave[:, 1:])
    marks = np.zeros((TESTING, STEPS), np.int8)
    marks[:, 5] = 1
    jumped = test.y.copy()
    jumped[:, 5] += 60
    test = dataclasses.replace(test, y=jumped, marks=marks)
    return DataSet("waves", train_part, test, task="anomaly", target_columns=(0,), horizon=1)


def masked_classification():
    """The class is the sign of the sum over valid steps; padding in front is full of large noise."""
    x, valid = windows(), lengths()
    padding = np.arange(STEPS) < STEPS - valid[:, None]
    y = (np.where(padding, 0, x[..., 0]).sum(axis=1) > 0).astype(np.int64)
    x[padding] = 5 + 3 * windows(seed=2)[padding]
    return DataSet("masked", *parts(x, y, lengths=valid))


# Data, recipe, and a figure that must not be worse than the float model's by more than the factor.
CASES = {
    "regression": (regression, Recipe(cell="rnn", units=8, epochs=25, learning_rate=0.02), "rmse", 1.5),
    "multilabel": (multilabel, Recipe(cell="mgu", units=8, epochs=20, learning_rate=0.03), "nll_nats_per_step", 1.3),
    "anomaly": (anomaly, Recipe(cell="fastgrnn", units=8, epochs=25, learning_rate=0.03), "mae", 1.6),
    "masked": (masked_classification, Recipe(cell="gru", units=8, epochs=25, learning_rate=0.02, mask=True), "accuracy", 0.95),
}


def integer_outputs(graph, x):
    """Outputs of the exported integers in real units."""
    quantized = quantize(graph)
    run = Oracle(quantized, batch=len(x)).run(quantize_input(quantized.input, x))
    return run.outputs * quantized.layers[-1].out_scale.value


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CASES))
def test_every_task_trains_with_integers(name, tmp_path):
    """Few epochs of int8x4 with a teacher stay near the float model, in the task's unit, and are what is exported."""
    from edgeseq.train.qat import QatRecipe

    make, recipe, figure, factor = CASES[name]
    data = make()
    of_float = train(data, recipe)
    tuned = train_integers(data, recipe, of_float.model, QatRecipe("int8x4", epochs=6, batch_size=8, learning_rate=3e-3))
    before, after = of_float.metrics[figure], tuned.metrics[figure]
    assert after > factor * before if figure == "accuracy" else after < factor * before, (before, after)
    assert (tuned.status, tuned.task, tuned.epochs_run) == ("complete", data.task, 6)
    tuned.model.save(tmp_path / "m.keras")
    graph, x = load_model(tmp_path / "m.keras"), data.x_test
    if name == "masked":
        assert of_float.metrics["accuracy"] > 0.8
        # A valid window alone gives what the mask gave: firmware starts each recording from its reset state.
        answers = []
        for window, valid in zip(x, data.test.lengths, strict=True):
            answers.append(integer_outputs(graph, window[None, STEPS - valid :])[0, -1].argmax())
        assert (np.array(answers) == data.y_test).mean() == after
        return
    outputs = integer_outputs(graph, x)
    outputs = outputs if graph.returns_sequence else outputs[:, -1]
    assert (outputs == np.asarray(tuned.model(x))).all()
    if name == "anomaly":
        assert tuned.metrics["span_recall"] > 0.9


@pytest.mark.parametrize("side", ["in front", "behind"])
def test_padding_chooses_no_codes(side):
    """Training starts from the codes of windows without their padding, however much of it there is, and whatever it holds."""
    import keras

    from edgeseq.train.qat import QatRecipe, fine_tune, prepare

    per_step = side == "behind"
    keras.utils.set_random_seed(0)
    layers = [keras.layers.GRU(6, return_sequences=per_step), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((None, 3)), *layers])
    x = windows(features=3)[:64]
    padding = np.full((64, 5 * STEPS, 3), 4, np.float32)
    valid = np.repeat([[True, False]], 64, axis=0).repeat([STEPS, 5 * STEPS], axis=1)
    y = np.random.default_rng(0).integers(0, 2, (64, 6 * STEPS) if per_step else 64)
    if per_step:
        examples = np.concatenate([x, padding], axis=1), y, valid.astype(np.float32)
    else:
        examples = [np.concatenate([padding, x], axis=1), valid[:, ::-1]], y, None
    tuned = fine_tune(model, examples, examples, QatRecipe("int8x4", epochs=1, learning_rate=1e-12), metrics=())
    for found, wanted in zip(tuned.model.get_weights(), prepare(model, x, "int8x4").get_weights(), strict=True):
        assert np.allclose(found, wanted, rtol=0, atol=1e-9)


def test_patience_ends_training_with_integers():
    """Without progress, training ends after `patience` epochs and the best epoch is kept; models must fit the task."""
    from edgeseq.train.qat import QatRecipe

    data, recipe = regression(), Recipe(cell="rnn", units=4, epochs=1)
    of_float = train(data, recipe)
    hopeless = QatRecipe("int8", epochs=9, learning_rate=1e-12, patience=2, distillation=None)
    tuned = train_integers(data, recipe, of_float.model, hopeless)
    assert tuned.status == "stopped early"
    assert tuned.epochs_run < 9
    with pytest.raises(TrainingError, match=r"gives outputs \(None, 2\); multilabel of labels needs \(n, time, 2\)"):
        train_integers(multilabel(), recipe, of_float.model, hopeless)
    with pytest.raises(TrainingError, match="leave --bidirectional out"):
        train_integers(data, dataclasses.replace(recipe, bidirectional=True), of_float.model, hopeless)
