"""Every supported Keras model is read from .keras, .h5 and live, and means what Keras computes."""

import json
import zipfile

import numpy as np
import pytest

from edgeseq.errors import ModelError, UnsupportedModelError
from edgeseq.frontend import inspect_model, load_model
from edgeseq.frontend.convert import HANDLERS, REFUSED
from edgeseq.graph.reference import forward
from tests.frontend.keras_models import FEATURES, MODELS, build


@pytest.fixture(scope="module", params=list(MODELS))
def model(request):
    return build(request.param)


@pytest.mark.parametrize("form", ["keras", "h5", "live"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_graph_computes_what_keras_computes(model, form, tmp_path):
    """Outputs of the float graph equal Keras' predictions within float32 rounding, in every form of the model."""
    source = model
    if form != "live":
        source = tmp_path / f"m.{form}"
        model.save(source)
    graph = load_model(source)
    x = np.random.default_rng(1).normal(0, 1, (1, 8, FEATURES)).astype(np.float32)
    for layer in model.layers:
        if getattr(layer, "stateful", False):
            layer.reset_state()  # a stateful layer remembers the form tested before
    wanted = model.predict(x, verbose=0)
    got = forward(graph, x).outputs
    # Keras computes in float32: about 1e-7 a step, over 8 steps and a few layers.
    assert np.allclose(got if graph.returns_sequence else got[:, -1], wanted, atol=5e-6)


def test_parameters_are_counted_as_keras_counts(model, tmp_path):
    """Inspect reports the trainable parameters that Keras reports."""
    model.save(tmp_path / "m.keras")
    assert inspect_model(tmp_path / "m.keras").parameters == sum(w.numpy().size for w in model.trainable_weights)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_keras_2_config_is_read(tmp_path):
    """A file with Keras 2's config (batch_input_shape, list-style inbound nodes) gives the same graph."""
    import h5py

    model = build("functional")
    path = tmp_path / "m.h5"
    model.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        previous = None
        for layer in config["config"]["layers"]:
            layer["inbound_nodes"] = [] if previous is None else [[[previous, 0, 0, {}]]]
            if previous is None:
                layer["config"]["batch_input_shape"] = layer["config"].pop("batch_shape")
            previous = layer["name"]
        file.attrs["model_config"] = json.dumps(config)
    x = np.random.default_rng(1).normal(0, 1, (2, 8, FEATURES))
    assert np.array_equal(forward(load_model(path), x).outputs, forward(load_model(model), x).outputs)


def uneven_sum(layers):
    """Keras can add halves of 3 and 1 units, since it broadcasts."""
    return layers.Bidirectional(layers.GRU(3), backward_layer=layers.GRU(1, go_backwards=True), merge_mode="sum")


def refused(layers, keras):
    inputs = keras.Input((8, FEATURES))
    branch = keras.layers.GRU(3)(inputs)
    return {
        "two outputs of one layer": (
            keras.Model(inputs, layers.Bidirectional(layers.GRU(3), merge_mode=None)(inputs)),
            "leaves two outputs; expected one of concat, sum, mul, ave",
        ),
        "bidirectional after a last step": (
            keras.Sequential([inputs, layers.GRU(3), layers.Reshape((3, 1)), layers.Bidirectional(layers.GRU(3))]),
            "set return_sequences=True there",
        ),
        "elu inside bidirectional": (
            keras.Sequential([inputs, layers.Bidirectional(layers.GRU(3, activation="elu"))]),
            "its forward half: activation='elu'",
        ),
        "causal attention": (
            keras.Model(inputs, layers.MultiHeadAttention(2, 3)(inputs, inputs, use_causal_mask=True)),
            "called with use_causal_mask; only plain self-attention",
        ),
        "attention to another tensor": (
            keras.Model(inputs, layers.MultiHeadAttention(2, 3)(inputs, layers.Dense(4)(inputs))),
            "attends to 2 tensors .*; only self-attention",
        ),
        "attention over features": (
            keras.Model(inputs, layers.MultiHeadAttention(2, 3, attention_axes=(2,))(inputs, inputs)),
            "attention_axes=.*; only attention over time",
        ),
        "stateful window": (
            keras.Sequential([keras.Input((8, FEATURES), batch_size=1), layers.GRU(3, stateful=True, go_backwards=True)]),
            "stateful=True carries state from window to window",
        ),
        "unequal halves": (
            keras.Sequential([inputs, uneven_sum(layers)]),
            "merge_mode='sum' of 3 and 1 units",
        ),
        "masking": (keras.Sequential([inputs, layers.Masking(), layers.GRU(3)]), "stream has none"),
        "lambda": (keras.Sequential([inputs, layers.GRU(3), layers.Lambda(lambda x: x * 2)]), "never runs it"),
        "unknown layer": (keras.Sequential([inputs, layers.GaussianNoise(0.1), layers.GRU(3)]), "supported layers"),
        "no recurrent layer": (keras.Sequential([inputs, layers.Dense(3)]), "no recurrent layer"),
        "softmax in the middle": (keras.Sequential([inputs, layers.GRU(3), layers.Softmax(), layers.Dense(2)]), "last layer"),
        "two outputs": (keras.Model(inputs, [layers.Dense(2)(branch), layers.Dense(2)(branch)]), "used twice"),
        "concatenate": (keras.Model(inputs, layers.Concatenate()([branch, layers.Dense(3)(branch)])), "takes 2 inputs"),
        "sum of three": (keras.Model(inputs, layers.Add()([branch, branch, branch])), "takes 3 inputs"),
        **refused_around(layers, keras, inputs),
    }


def refused_around(layers, keras, inputs):
    conv = layers.Conv1D
    crossed = layers.GRU(4, return_sequences=True)(inputs)
    left, right = layers.Dense(4)(crossed), layers.Dense(4)(crossed)
    middle = layers.Add()([left, right])
    return {
        "crossed branches": (keras.Model(inputs, layers.Add()([layers.Add()([left, middle]), right])), "is used"),
        "sum over time": (keras.Model(inputs, layers.Add()([layers.GRU(5)(inputs), inputs])), "the same shape"),
        "valid conv": (keras.Sequential([inputs, conv(3, 4), layers.GRU(3)]), "no output for the first 3 time steps"),
        "same conv": (keras.Sequential([inputs, conv(3, 4, padding="same"), layers.GRU(3)]), "does not have yet"),
        "strided conv": (keras.Sequential([inputs, conv(3, 4, strides=2, padding="causal")]), "strides=2"),
        "grouped conv": (keras.Sequential([inputs, conv(5, 4, groups=5, padding="causal")]), "groups=5"),
        "padded too little": (keras.Sequential([inputs, layers.ZeroPadding1D((1, 0)), conv(3, 4)]), "first 2 time steps"),
        "padding behind": (keras.Sequential([inputs, layers.ZeroPadding1D(2), conv(3, 3)]), "behind the window's end"),
        "padding alone": (keras.Sequential([inputs, layers.ZeroPadding1D((2, 0)), layers.GRU(3)]), "only a convolution"),
        "padding last": (keras.Model(inputs, layers.ZeroPadding1D((2, 0))(crossed)), "nothing reads the 2 padded"),
        "strided pool": (keras.Sequential([inputs, layers.MaxPooling1D(2), layers.GRU(3)]), "fewer of them than it reads"),
        "kept axis": (keras.Sequential([inputs, layers.GlobalMaxPooling1D(keepdims=True)]), "keepdims=True"),
        "flatten": (keras.Sequential([inputs, layers.GRU(3, return_sequences=True), layers.Flatten()]), "all time steps"),
        "batch norm over time": (keras.Sequential([inputs, layers.BatchNormalization(axis=1), layers.GRU(3)]), r"axis=\[?1"),
        "layer norm over time": (keras.Sequential([inputs, layers.LayerNormalization(axis=1), layers.GRU(3)]), r"axis=\[?1"),
        "distributed gru": (keras.Sequential([keras.Input((2, 8, 5)), layers.TimeDistributed(layers.GRU(3))]), "TimeDistributed"),
        "masked ids": (keras.Sequential([keras.Input((8,)), layers.Embedding(9, 3, mask_zero=True), layers.GRU(3)]), "mask_zero"),
        "many ids": (keras.Sequential([keras.Input((8,)), layers.Embedding(20000, 1), layers.GRU(3)]), "at most 16384 ids"),
        "flat input": (keras.Sequential([keras.Input((8,)), layers.Dense(3)]), "Embedding first"),
    }


@pytest.mark.filterwarnings("ignore")
def test_refusals_name_layer_reason_and_way_out(tmp_path):
    """Each unsupported model is refused with its own reason, live and from a file, without running its code."""
    from edgeseq.train.classifier import import_keras

    keras = import_keras()
    for name, (model, words) in refused(keras.layers, keras).items():
        with pytest.raises(UnsupportedModelError, match=words):
            load_model(model)
        path = tmp_path / f"{name}.keras"
        model.save(path)
        with pytest.raises(UnsupportedModelError, match=words):
            load_model(path)


def test_every_known_layer_is_handled_or_refused():
    """No layer is both handled and refused, and every refusal says something."""
    assert not HANDLERS.keys() & REFUSED.keys()
    assert all(len(reason) > 20 for reason in REFUSED.values())


def test_nan_weights_are_named(tmp_path):
    """A NaN weight is an error that names the layer and counts the bad values."""
    model = build("gru")
    weights = model.layers[0].get_weights()
    weights[1][0, 0] = np.nan
    model.layers[0].set_weights(weights)
    model.save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match=r"layer 'gru.*1 of 108 weights are NaN"):
        load_model(tmp_path / "m.keras")


def test_absurd_units_are_refused(tmp_path):
    """A config that claims a million units is refused before anything is allocated."""
    build("gru").save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = members["config.json"].replace(b'"units": 6,', b'"units": 1000000,')
    with zipfile.ZipFile(tmp_path / "bad.keras", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(UnsupportedModelError, match="units=1000000"):
        load_model(tmp_path / "bad.keras")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_tf_keras_files_are_read(suffix, tmp_path):
    """Files that Keras 2 itself wrote (tf_keras), Sequential and Functional, mean what it predicts."""
    import tf_keras

    layers = tf_keras.layers
    inputs = tf_keras.Input((8, FEATURES))
    chain = layers.Dense(3)(layers.SimpleRNN(4)(layers.Dropout(0.1)(inputs)))
    stack = [
        layers.GRU(4, return_sequences=True, input_shape=(8, FEATURES)),
        layers.LSTM(3),
        layers.Dense(2, activation="softmax"),
    ]
    x = np.random.default_rng(0).normal(0, 1, (3, 8, FEATURES)).astype(np.float32)
    for number, model in enumerate((tf_keras.Sequential(stack), tf_keras.Model(inputs, chain))):
        path = tmp_path / f"{number}.{suffix}"
        model.save(path)
        # float32 rounding, as above.
        assert np.allclose(forward(load_model(path), x).outputs[:, -1], model.predict(x, verbose=0), atol=5e-6)
