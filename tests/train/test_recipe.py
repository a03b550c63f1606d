"""Recipes: stacks, JSON and what is refused; splits; models built from them."""

import json

import numpy as np
import pytest

from edgeseq.data import DataSet, Part
from edgeseq.errors import TrainingError
from edgeseq.frontend import load_model
from edgeseq.graph.reference import forward
from edgeseq.train import CELLS, Recipe
from edgeseq.train.backend import import_keras
from edgeseq.train.build import build_model, with_mask
from edgeseq.train.split import split
from edgeseq.train.tasks import Head

RNG = np.random.default_rng(0)
X = (RNG.normal(0, 1, (20, 7, 3)) * [1, 50, 0.01] + [0, 300, 5]).astype(np.float32)
WINDOW_HEAD = Head(4, "softmax", "sparse_categorical_crossentropy", ("accuracy",), "accuracy", per_step=False)
STEP_HEAD = Head(4, "linear", "mean_squared_error", ("mae",), "mae", per_step=True)

STACKS = {
    "one": ({}, (("gru", 32),)),
    "layers": ({"cell": "lstm", "units": 8, "layers": 3}, (("lstm", 8),) * 3),
    "units": ({"units": (32, 16)}, (("gru", 32), ("gru", 16))),
    "hybrid": ({"cell": "lstm+gru", "units": (24, 8)}, (("lstm", 24), ("gru", 8))),
    "hybrid of one size": ({"cell": "rnn+gru+lstm", "units": 5}, (("rnn", 5), ("gru", 5), ("lstm", 5))),
}


@pytest.mark.parametrize("name", list(STACKS))
def test_stacks(name):
    """Cells, units and layers combine to one (cell, units) per layer, and JSON keeps them."""
    settings, wanted = STACKS[name]
    recipe = Recipe(**settings)
    assert recipe.stack == wanted
    assert Recipe.from_json(json.loads(json.dumps(recipe.as_json()))) == recipe


REFUSED = {
    "cell": ({"cell": "mamba"}, "unknown cell 'mamba'; known: gru, lstm, rnn"),
    "sizes": ({"cell": "lstm+gru", "units": (1, 2, 3)}, "do not fit each other"),
    "too many": ({"layers": 9}, "8 layers at most"),
    "dropout": ({"dropout": 1.0}, "dropout is 1"),
    "share": ({"validation_share": 1.0}, "validation_share is 1"),
    "epochs": ({"epochs": 0}, "epochs is 0"),
    "rate": ({"learning_rate": 0.0}, "must be more than 0"),
    "units": ({"units": 0}, "units 0"),
    "quantile": ({"alarm_quantile": 0.0}, "alarm_quantile is 0"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused_recipes(name):
    """Each impossible setting is named with what was expected."""
    settings, words = REFUSED[name]
    with pytest.raises(TrainingError, match=words):
        Recipe(**settings)


def test_settings_of_another_version():
    """A setting that is not known is refused, not dropped."""
    with pytest.raises(TrainingError, match="does not know: warmup"):
        Recipe.from_json({"warmup": 3})


def test_small_sets_get_small_batches():
    """An epoch has 16 updates where there are windows for it, of 64 windows at most."""
    assert [Recipe().batch(n) for n in (10, 160, 500, 5000)] == [8, 10, 31, 64]
    assert Recipe(batch_size=5).batch(5000) == 5


def data_with(subjects: np.ndarray | None) -> DataSet:
    return DataSet("d", Part(X, np.arange(20) % 2, subjects=subjects), Part(X[:4], np.arange(4) % 2))


def test_validation_by_subject():
    """Where subjects are known, validation takes whole ones; asked for without any, it is refused."""
    subjects = np.repeat(np.arange(5), 4)
    parts = split(data_with(subjects), Recipe())
    assert parts.how == "subjects"
    assert not set(parts.train.subjects) & set(parts.validation.subjects)
    assert [str(s) for s in np.unique(parts.validation.subjects)] == list(parts.held_out)
    drawn = split(data_with(subjects), Recipe(validation="random"))
    assert (drawn.how, len(drawn.validation)) == ("random", 2)
    with pytest.raises(TrainingError, match="names no subjects"):
        split(data_with(None), Recipe(validation="subjects"))


def test_normalization_is_inside_and_survives_constants():
    """The model takes raw units: what reaches the cell has mean 0 and variance 1, and a constant feature becomes 0."""
    keras = import_keras()
    x = np.concatenate([X, np.full((20, 7, 1), 0.3, np.float32)], axis=2)
    model = build_model(keras, Part(x), WINDOW_HEAD, Recipe(units=4), "m")
    normal = keras.ops.convert_to_numpy(model.get_layer("normalization")(x)).reshape(-1, 4)
    # float32 of values around 300 with a spread of 50: 300 / 50 * 2**-24 * sums of 140.
    assert np.abs(normal.mean(axis=0)).max() < 1e-4
    assert np.abs(normal.std(axis=0)[:3] - 1).max() < 1e-4
    assert np.abs(normal[:, 3]).max() < 1e-6
    assert "normalization" not in [
        layer.name for layer in build_model(keras, Part((X > 0) * 1.0), WINDOW_HEAD, Recipe(), "m").layers
    ]


def test_padding_does_not_set_the_normalization():
    """Statistics come from valid steps alone, on whichever side the padding is."""
    keras = import_keras()
    lengths = RNG.integers(2, 7, 20)
    for head, at_end in ((WINDOW_HEAD, False), (STEP_HEAD, True)):
        valid = Part(X, lengths=lengths).valid(at_end=at_end)
        junk = np.where(valid[..., None], X, 1e6).astype(np.float32)
        model = build_model(keras, Part(junk, lengths=lengths), head, Recipe(units=4), "m")
        mean = model.get_layer("normalization").get_weights()[0].ravel()
        assert np.allclose(mean, X[valid].mean(axis=0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn", "lstm+gru"])
def test_a_mask_is_a_reset_state(cell):
    """With its padding masked, a window gives what its valid steps alone give from a reset state; the saved model has no mask."""
    keras = import_keras()
    lengths = RNG.integers(2, 8, 20)
    part = Part(X, lengths=lengths)
    model = build_model(keras, part, WINDOW_HEAD, Recipe(cell=cell, units=4), "m")
    masked = with_mask(keras, model)([X, part.valid(at_end=False)])
    for i, n in enumerate(lengths.tolist()):
        alone = model(X[i : i + 1, -n:])
        # The same float32 operations in the same order, but for the batch of the matrix product.
        assert np.abs(masked.numpy()[i] - alone.numpy()[0]).max() < 1e-5
    wanted = forward(load_model(model), X).outputs[:, -1]
    assert np.abs(model(X).numpy() - wanted).max() < 1e-5


def test_bidirectional_is_for_windows():
    """Per window it builds both directions; per step it is refused with the reason."""
    keras = import_keras()
    model = build_model(keras, Part(X), WINDOW_HEAD, Recipe(units=4, bidirectional=True), "m")
    assert model.get_layer("head").get_weights()[0].shape == (8, 4)
    with pytest.raises(TrainingError, match="needs the whole window"):
        build_model(keras, Part(X), STEP_HEAD, Recipe(bidirectional=True), "m")


def test_a_cell_is_one_entry(monkeypatch):
    """A cell entered in CELLS is a recipe's word at once, alone and in a stack."""
    monkeypatch.setitem(
        CELLS,
        "before",
        lambda keras, units, *, return_sequences, name: keras.layers.GRU(
            units, reset_after=False, return_sequences=return_sequences, name=name
        ),
    )
    model = build_model(import_keras(), Part(X), STEP_HEAD, Recipe(cell="before+gru", units=4), "m")
    assert [model.get_layer(name).reset_after for name in ("before_1", "gru_2")] == [False, True]
