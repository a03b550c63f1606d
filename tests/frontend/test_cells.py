"""Every cell and activation of Keras means what Keras computes, or is refused with a reason."""

import functools
import json
import zipfile

import numpy as np
import pytest

from edgeseq.errors import UnsupportedModelError
from edgeseq.frontend import load_model
from edgeseq.graph.reference import forward
from edgeseq.train.classifier import import_keras
from tests.frontend.cell_models import FEATURES, cells, heads, randomized

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
CELLS, HEADS = cells(), heads()


@functools.cache
def window() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (4, 8, FEATURES)).astype(np.float32)


def assert_same(model, source) -> None:
    """The graph's outputs equal Keras' within float32 rounding: 1e-7 of the largest value a step, over 8 steps and products."""
    wanted = np.asarray(model(window()))
    graph = load_model(source)
    got = forward(graph, window()).outputs
    got = got if graph.returns_sequence else got[:, -1]
    assert np.abs(wanted).max() > 0
    assert np.allclose(got, wanted, atol=5e-6 * max(1.0, np.abs(wanted).max()))


@pytest.mark.parametrize("name", list(CELLS))
def test_cell_computes_what_keras_computes(name):
    """Each cell with each pair of functions, read from the live model."""
    # Nothing bounds a cell that is linear all through: its float32 rounding grows with its values.
    gain = 0.1 if name.endswith("linear linear") else 0.3
    model = randomized([CELLS[name](return_sequences=True)], gain)
    assert_same(model, model)


@pytest.mark.parametrize("name", list(HEADS))
def test_activation_computes_what_keras_computes(name):
    """Each function of a Dense layer, and each layer that is nothing but a function."""
    model = randomized([import_keras().layers.GRU(4, return_sequences=True), *HEADS[name]()])
    assert_same(model, model)


@pytest.mark.parametrize("form", ["keras", "h5"])
@pytest.mark.parametrize("name", ["mgu bias True", "mingru bias False", "fastgrnn low rank", "gru relu hard_sigmoid"])
def test_cell_is_read_from_files(name, form, tmp_path):
    """Compact cells and hard_sigmoid come out of .keras and .h5 files as they went in."""
    model = randomized([CELLS[name](), *HEADS["prelu layer"]()])
    model.save(tmp_path / f"m.{form}")
    assert_same(model, tmp_path / f"m.{form}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", ["h5", "keras", "live"])
def test_hard_sigmoid_of_keras_2_has_its_own_slope(suffix, tmp_path):
    """A model of Keras 2 (tf_keras) means clip(0.2 x + 0.5), as Keras 2 computes it, in a cell and in a Dense layer."""
    import tf_keras

    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.LSTM(4, recurrent_activation="hard_sigmoid", input_shape=(8, FEATURES)),
            layers.Dense(3, activation="hard_sigmoid"),
        ]
    )
    source = model if suffix == "live" else tmp_path / f"m.{suffix}"
    if suffix != "live":
        model.save(source)
    assert_same(model, source)
    assert load_model(source).recurrent[0].recurrent_activation == "hard_sigmoid_keras2"


def test_a_file_without_a_version_leaves_hard_sigmoid_open(tmp_path):
    """Nothing tells which slope is meant: refused with the reason."""
    randomized([import_keras().layers.LSTM(3, recurrent_activation="hard_sigmoid")]).save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as whole, zipfile.ZipFile(tmp_path / "cut.keras", "w") as cut:
        for member in whole.namelist():
            cut.writestr(member, b"{}" if member == "metadata.json" else whole.read(member))
    with pytest.raises(UnsupportedModelError, match=r"another slope in Keras 2 than in Keras 3.*save it again"):
        load_model(tmp_path / "cut.keras")


def test_a_foreign_class_is_not_taken_for_a_compact_cell(tmp_path):
    """A layer of the same name from another package is refused by its full name."""
    randomized([CELLS["mgu bias True"]()]).save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as whole, zipfile.ZipFile(tmp_path / "other.keras", "w") as other:
        for member in whole.namelist():
            data = whole.read(member)
            other.writestr(member, data.replace(b"edgeseq>MGU", b"other>MGU") if member == "config.json" else data)
    with pytest.raises(UnsupportedModelError, match="no integer form of other>MGU"):
        load_model(tmp_path / "other.keras")


def refused() -> dict:
    keras = import_keras()
    layers = keras.layers
    return {
        "cell function": ([layers.GRU(3, activation="gelu")], "activation='gelu' has no integer form inside a cell"),
        "gate function": ([layers.LSTM(3, recurrent_activation="softsign")], "recurrent_activation='softsign'"),
        "unknown": ([layers.GRU(3), layers.Dense(2, activation="glu")], "halves the number of values"),
        "log softmax": ([layers.GRU(3), layers.Dense(2, activation="log_softmax")], "logarithm on the float side"),
        "jump": ([layers.GRU(3), layers.Dense(2, activation="hard_shrink")], "use soft_shrink"),
        "object": ([layers.GRU(3), layers.Dense(2, activation=layers.ReLU(3.0))], "an object of its own"),
        "steep": ([layers.GRU(3), layers.LeakyReLU(negative_slope=1.5)], "negative_slope=1.5"),
        "slope per step": ([layers.GRU(3, return_sequences=True), layers.PReLU()], r"shared_axes=\[1\]"),
        "activation first": ([layers.LeakyReLU(), layers.GRU(3)], "apply it to the data instead"),
        "softmax axis": ([layers.GRU(3, return_sequences=True), layers.Softmax(axis=1)], "only the last axis"),
    }


@pytest.mark.parametrize("name", list(refused()))
def test_refusals_say_why(name):
    """What has no integer form is refused with its own reason."""
    layers, words = refused()[name]
    with pytest.raises(UnsupportedModelError, match=words):
        load_model(randomized(layers))


@pytest.mark.parametrize(
    ("cell", "change", "words"),
    [
        ("fastgrnn rank w", {"rank_w": 0}, "rank 0; expected 1"),
        ("fastgrnn rank w", {"rank_w": 3}, r"weights of shapes .*\(5, 2\).*expected .*\(5, 3\)"),
        ("mingru bias True", {"units": 5}, "expected .*10"),
        ("mingru bias True", {"units": "x"}, "units='x'"),
        ("mgu bias True", {"units": 3}, "do not fit 5 inputs and units=3"),
        ("mgu bias True", {"use_bias": False}, "3 weight arrays; expected 2"),
    ],
)
def test_configs_that_do_not_fit_their_weights(cell, change, words, tmp_path):
    """A damaged config of a compact cell is refused before any array is used."""
    randomized([CELLS[cell]()]).save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as whole, zipfile.ZipFile(tmp_path / "bad.keras", "w") as bad:
        for member in whole.namelist():
            data = whole.read(member)
            if member == "config.json":
                config = json.loads(data)
                config["config"]["layers"][1]["config"].update(change)
                data = json.dumps(config).encode()
            bad.writestr(member, data)
    with pytest.raises(UnsupportedModelError, match=words):
        load_model(tmp_path / "bad.keras")
