"""What cannot be trained with integers, or was damaged after it, is refused with layer and reason."""

import json
import zipfile

import numpy as np
import pytest

from edgeseq.errors import CalibrationError, UnsupportedModelError
from edgeseq.frontend import load_model
from edgeseq.quantize import quantize
from tests.train.qat_models import FEATURES, STEPS, cells, float_model, raw


def refusals(keras):
    layers, entry = keras.layers, keras.Input((STEPS, FEATURES))
    recurrent = layers.GRU(3)(entry)
    return {
        "convolution": (keras.Sequential([entry, layers.Conv1D(3, 2), layers.GRU(3)]), r"layer 'conv1d.*Conv1D has no quant"),
        "gelu cell": (
            keras.Sequential([entry, layers.GRU(3, activation="gelu")]),
            r"activation='gelu'; expected one of tanh, sigmoid, hard_sigmoid, relu",
        ),
        "relu gate": (
            keras.Sequential([entry, layers.GRU(3, recurrent_activation="relu")]),
            r"recurrent_activation='relu'; gates are trained as shares",
        ),
        "both ways": (keras.Sequential([entry, layers.Bidirectional(layers.GRU(3))]), "reads the window from its end too"),
        "distributed": (
            keras.Sequential([entry, layers.GRU(3, return_sequences=True), layers.TimeDistributed(layers.Dropout(0.1))]),
            r"TimeDistributed\(Dropout\); only a Dense",
        ),
        "backwards": (keras.Sequential([entry, layers.LSTM(3, go_backwards=True)]), "go_backwards=True"),
        "no recurrent layer": (keras.Sequential([entry, layers.Dense(3)]), "no recurrent layer"),
        "branch": (keras.Model(entry, layers.Add()([recurrent, layers.Dense(3)(recurrent)])), "Add has no quant"),
        "straight functional": (keras.Model(entry, layers.Dense(2)(recurrent)), None),
        "gelu": (keras.Sequential([entry, layers.GRU(3), layers.Dense(2, activation="gelu")]), "activation='gelu'"),
        "lone tanh": (keras.Sequential([entry, layers.GRU(3), layers.Activation("tanh")]), "standing alone"),
        "softmax inside": (keras.Sequential([entry, layers.GRU(3), layers.Softmax(), layers.Dense(2)]), "last layer"),
        "late normalization": (keras.Sequential([entry, layers.GRU(3), layers.Normalization()]), "first layer"),
    }


def test_models_that_cannot_be_prepared_are_refused_with_layer_and_reason(keras, qat):
    """Each refusal names the layer and why; a straight Functional model is fine."""
    x = np.random.default_rng(0).normal(0, 1, (4, STEPS, FEATURES))
    for model, words in refusals(keras).values():
        if words is None:
            assert qat.prepare(model, x).layers
            continue
        with pytest.raises(UnsupportedModelError, match=words):
            qat.prepare(model, x)
    prepared = qat.prepare(float_model(keras, keras.layers.GRU(3)), raw())
    with pytest.raises(UnsupportedModelError, match="already"):
        qat.prepare(prepared, raw())


BAD_ARGUMENTS = {
    "scheme": ({"scheme": "int4"}, "unknown scheme 'int4'; available: int8, int16x8"),
    "layer": ({"layer_schemes": {"nowhere": "int8"}}, "layer 'nowhere'; the model has"),
    "missing": ({"calibration": None}, "calibration windows are missing"),
    "features": ({"calibration": np.zeros((3, STEPS, 2))}, r"expects \(n, time, 5\)"),
    "nan": ({"calibration": np.full((3, STEPS, FEATURES), np.nan)}, "180 NaN"),
    "constant": ({"calibration": np.ones((3, STEPS, FEATURES))}, "constant"),
}


@pytest.mark.parametrize("name", list(BAD_ARGUMENTS))
def test_bad_arguments_are_explained(keras, qat, name):
    """Schemes, layer names and calibration windows are checked before anything is built."""
    changed, words = BAD_ARGUMENTS[name]
    arguments = {"calibration": raw(), **changed}
    with pytest.raises(CalibrationError, match=words):
        qat.prepare(float_model(keras, keras.layers.GRU(3)), **arguments)


def changed(path, target, **config):
    """A copy of a .keras file with other values in the config of its QAT layers."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    tree = json.loads(members["config.json"])
    for layer in tree["config"]["layers"]:
        layer["config"].update({key: value for key, value in config.items() if key in layer["config"]})
    members["config.json"] = json.dumps(tree).encode()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target


HOSTILE = {
    "scheme": ({"scheme": "int2"}, "scheme='int2'"),
    "scheme of lists": ({"scheme": ["int8"]}, "scheme="),
    "shift": ({"preactivation_shift": 9}, "preactivation_shift=9"),
    "scale": ({"in_scale": [300, 0]}, "in_scale"),
    "exponent": ({"in_scale": [3, 10**9]}, "in_scale"),
    "zero point": ({"zero_point": 1000}, "zero point 1000"),
    "mean": ({"mean": [0.0]}, "mean is not a list of 5 numbers"),
    "std": ({"std": [0.0] * FEATURES}, "std is not positive"),
    "units": ({"units": -3}, "units=-3"),
    "bits": ({"bits": 3}, "bits=3"),
    "cell": ({"cell_shift": 12}, "cell_shift=12"),
    "foreign scale": ({"in_scale": [127, -9]}, "is not a multiple of 127"),
    "function": ({"activation": "softsign"}, "activation='softsign'; expected one of tanh, sigmoid"),
    "gate": ({"recurrent_activation": "relu"}, "recurrent_activation='relu'; expected one of sigmoid, hard_sigmoid"),
    "state": ({"state_shift": 16}, "state_shift=16"),
    "candidate": ({"candidate_shift": -1}, "candidate_shift=-1"),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_damaged_files_are_refused(keras, qat, name, tmp_path):
    """A file whose fixed parameters break a rule of the integers is refused with the field and what was expected."""
    model = qat.prepare(float_model(keras, keras.layers.LSTM(3), keras.layers.Dense(2)), raw())
    model.save(tmp_path / "m.keras")
    config, words = HOSTILE[name]
    with pytest.raises(UnsupportedModelError, match=words):
        load_model(changed(tmp_path / "m.keras", tmp_path / "bad.keras", **config))


FACTORS = {
    "rank": ({"rank": -1, "scale": [1, -15], "shift": 0}, "input_factor has rank -1"),
    "other rank": ({"rank": 3, "scale": [1, -15], "shift": 0}, r"first factor \(5, 2\); expected \(5, 3\)"),
    "scale": ({"rank": 2, "scale": [0, 0], "shift": 0}, r"input_factor's scale=\[0, 0\]"),
    "shift": ({"rank": 2, "scale": [1, -15], "shift": 16}, "shift=16"),
    "kind": (7, "input_factor=7; expected rank, scale and shift"),
    "none": (None, "weight arrays; expected 9"),
}


def test_damaged_factors_are_refused(keras, qat, tmp_path):
    """A FastGRNN's factor that breaks a rule is refused with the field and what was expected."""
    model = qat.prepare(float_model(keras, cells().FastGRNN(4, rank_w=2)), raw())
    model.save(tmp_path / "m.keras")
    for name, (factor, words) in FACTORS.items():
        with pytest.raises(UnsupportedModelError, match=words):
            load_model(changed(tmp_path / "m.keras", tmp_path / f"{name}.keras", input_factor=factor))


def test_tensors_between_layers_must_be_those_of_training(keras, qat, tmp_path):
    """Layers from two different models are refused when quantised, not run with wrong scales."""
    model = qat.prepare(float_model(keras, keras.layers.Dense(4), keras.layers.GRU(3)), raw())
    for layer in model.layers:
        if type(layer).__name__ == "QatDense":
            layer.out_scale = layer.out_scale.times_power_of_two(1)
    with pytest.raises(CalibrationError, match="was trained to read"):
        quantize(load_model(model))


def test_a_bias_that_outgrew_its_row_is_refused(keras, qat):
    """A bias beyond int32 in steps of its row is named when the model is read, not wrapped around."""
    model = qat.prepare(float_model(keras, keras.layers.LSTM(3)), raw())
    model.layers[1].bias.assign(np.full(12, 1e30, np.float32))
    with pytest.raises(UnsupportedModelError, match=r"a bias of .* steps does not fit its row"):
        load_model(model)
