"""Training with integers: what Keras computes is what the oracle computes, and it can be trained."""

import json
import time
import zipfile

import numpy as np
import pytest

from edgeseq.arith.activation import cell_argument, sigmoid_q15, tanh_q15
from edgeseq.arith.matmul import MatmulInput, round_bias, round_weights
from edgeseq.arith.product import halve, multiply_q15, narrow_to_int8, saturate_int16
from edgeseq.arith.requantize import requantize
from edgeseq.arith.scale import Scale
from edgeseq.errors import CalibrationError, DataError, TrainingError, UnsupportedModelError
from edgeseq.frontend import inspect_model, load_model
from edgeseq.quantize import quantize
from edgeseq.quantize.esq import from_bytes, to_bytes
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import quantize_input
from edgeseq.train.classifier import import_keras

FEATURES, STEPS, WINDOWS = 5, 12, 24
ALL_INT16 = np.arange(-32768, 32768)


@pytest.fixture(scope="module")
def keras():
    return import_keras()


@pytest.fixture(scope="module")
def qat(keras):
    from edgeseq.train import qat

    return qat


def draws(*shape, low=-32768, high=32767, seed=0):
    return np.random.default_rng(seed).integers(low, high + 1, shape)


def as_floats(value):
    return np.asarray(value, np.float32)


def test_elementwise_ops_equal_their_twins(keras):
    """Every TensorFlow op gives the integers of its edgeseq.arith twin: on all int16 values, or on a million pairs."""
    from edgeseq.train.qat import ops

    a, b = draws(1_000_000), draws(1_000_000, seed=1)
    a[:4], b[:4] = [-32768, -32768, 32767, 0], [-32768, 32767, -32768, -1]
    for extra in range(8):
        assert (np.asarray(ops.multiply_q15(as_floats(a), as_floats(b), extra)) == multiply_q15(a, b, extra)).all()
    assert (np.asarray(ops.as_operand(as_floats(ALL_INT16), "int8")) == narrow_to_int8(ALL_INT16)).all()
    assert (np.asarray(ops.as_operand(as_floats(ALL_INT16), "int16")) == halve(ALL_INT16)).all()
    assert (np.asarray(ops.saturate(as_floats(a + b))) == saturate_int16(a + b)).all()


@pytest.mark.parametrize("shift", range(8))
def test_tables_equal_their_twins(keras, shift):
    """Looking a value up gives the interpolated table's result, for all arguments and every scale."""
    from edgeseq.train.qat import tables

    values = as_floats(ALL_INT16)
    wanted = tanh_q15(cell_argument(ALL_INT16, shift))
    assert (np.asarray(tables.cell_tanh_table(shift)(values)) == wanted).all()
    if shift >= 2:
        assert (np.asarray(tables.sigmoid_table(shift)(values)) == sigmoid_q15(ALL_INT16 << shift)).all()
        assert (np.asarray(tables.tanh_table(shift)(values)) == tanh_q15(ALL_INT16 << shift)).all()


@pytest.mark.parametrize("shift", [16, 24, 32])
def test_requantize_equals_its_twin(keras, shift):
    """Accumulators over the whole of int32 and multipliers of 15 bits, extremes included."""
    from edgeseq.train.qat import ops

    acc, multiplier = draws(200_000, low=1 - 2**31, high=2**31 - 1), draws(200_000, low=1, high=32767, seed=1)
    acc[:2], multiplier[:2] = [1 - 2**31, 2**31 - 1], [32767, 32767]
    got = ops.requantize(acc.astype(np.float64), multiplier.astype(np.float64) * 2.0**-shift)
    assert (np.asarray(got) == requantize(acc, multiplier, shift)).all()


@pytest.mark.parametrize("columns", [8, 1040])
def test_products_are_exact_whatever_their_size(keras, columns):
    """Sums of extreme products equal int64 ones, below and above what float32 can hold."""
    from edgeseq.train.qat import ops

    x, w = np.full((1, columns), -128), np.full((columns, 2), 127)
    w[0, 1] = 126
    assert (np.asarray(ops.products(as_floats(x), as_floats(w), 128)) == x @ w).all()
    wide = np.full((1, columns), 16383)
    assert (np.asarray(ops.products(as_floats(wide), as_floats(w), 16384)) == wide @ w).all()


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("odd", [True, False], ids=["odd", "plain"])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4], ids=["small", "usual", "large"])
def test_weights_and_biases_round_as_their_twins(keras, bits, odd, size):
    """Codes, ties included, and biases of 16 bits times a power of two are those of numpy."""
    from edgeseq.train.qat import ops

    rng = np.random.default_rng(1)
    scale = rng.integers(1, 256, 40) * 2.0**-13
    weight = rng.normal(0, 0.05, (40, 30)).astype(np.float32).astype(np.float64)
    weight[:, :3] = scale[:, None] * [0.5, 1.5, -2.5]
    bias = rng.normal(0, size, 40).astype(np.float32).astype(np.float64)
    entering = MatmulInput.doubled(Scale(3, -7), 255, -5) if odd else MatmulInput(Scale(3, -7), 32768, odd_bias=False)
    codes = round_weights(weight, scale, bits)
    got = ops.round_weights(weight.T, scale, bits)
    assert (np.asarray(got) == codes.T).all()
    assert (np.asarray(ops.round_bias(bias, scale, entering, got)) == round_bias(bias, scale, entering, codes)).all()


def raw(seed=0, count=WINDOWS):
    return (
        np.random.default_rng(seed).normal([0, 5, -3, 1, 100], [1, 2, 0.1, 10, 30], (count, STEPS, FEATURES)).astype(np.float32)
    )


def float_model(keras, *stack, seed=3, spread=0.5):
    """Normalization and the layers, with random weights that reach saturation now and then."""
    layer = keras.layers.Normalization()
    layer.adapt(raw())
    model = keras.Sequential([keras.Input((None, FEATURES)), layer, *stack])
    rng = np.random.default_rng(seed)
    for each in model.layers[1:]:
        each.set_weights([rng.normal(0, spread, w.shape) for w in each.get_weights()])
    return model


def cells():
    """FastGRNN, MGU and minGRU as Keras layers."""
    from edgeseq.train import compact_layers

    return compact_layers()


CASES = {
    "gru, int8": (lambda la: (la.GRU(9), la.Dense(3, activation="softmax")), "int8", "int16"),
    "gru, int8x4, int8 input": (lambda la: (la.GRU(9, return_sequences=True), la.Dense(3)), "int8x4", "int8"),
    "gru reset before, int16x4": (
        lambda la: (la.GRU(7, reset_after=False), la.Dense(2, activation="sigmoid")),
        "int16x4",
        "int16",
    ),
    "gru without bias": (lambda la: (la.GRU(6, use_bias=False), la.Dense(2, use_bias=False)), "int8", "int8"),
    "lstm, int8x4": (lambda la: (la.LSTM(8), la.Dense(3, activation="tanh")), "int8x4", "int8"),
    "lstm, int16x8": (lambda la: (la.LSTM(8), la.Dropout(0.2), la.Dense(3), la.Softmax()), "int16x8", "int16"),
    "rnn, int8": (lambda la: (la.SimpleRNN(8), la.Dense(3, activation="relu")), "int8", "int8"),
    "stacked, int8": (
        lambda la: (la.GRU(6, return_sequences=True), la.LSTM(5), la.Dense(4), la.ReLU(), la.Dense(2)),
        "int8",
        "int8",
    ),
    "compact cells, int8": (
        lambda _: (cells().MGU(6, return_sequences=True), cells().MinGRU(5, return_sequences=True), cells().FastGRNN(7)),
        "int8",
        "int16",
    ),
    "compact cells, int8x4, int8 input": (
        lambda _: (cells().FastGRNN(7, return_sequences=True), cells().MGU(6, return_sequences=True), cells().MinGRU(5)),
        "int8x4",
        "int8",
    ),
    "compact cells of low rank, int16x4": (
        lambda la: (
            cells().MinGRU(5, return_sequences=True),
            cells().FastGRNN(8, rank_w=3, rank_u=2, return_sequences=True),
            cells().MGU(6, use_bias=False),
            la.Dense(2),
        ),
        "int16x4",
        "int16",
    ),
    "compact cells of low rank, int16x8": (
        lambda la: (
            cells().FastGRNN(8, rank_u=4, return_sequences=True),
            cells().FastGRNN(6, rank_w=3, use_bias=False, return_sequences=True),
            cells().MGU(6, return_sequences=True),
            cells().MinGRU(5, use_bias=False, return_sequences=True),
            la.TimeDistributed(la.Dense(2)),
        ),
        "int16x8",
        "int8",
    ),
    "other functions, int8": (
        lambda la: (
            la.GRU(6, activation="relu", recurrent_activation="hard_sigmoid", return_sequences=True),
            la.LSTM(5, activation="sigmoid", return_sequences=True),
            la.LSTM(4, activation="relu", recurrent_activation="hard_sigmoid"),
            la.Dense(3),
        ),
        "int8",
        "int16",
    ),
    "other functions, int16x8": (
        lambda la: (
            la.GRU(6, activation="linear", reset_after=False, return_sequences=True),
            la.SimpleRNN(5, activation="relu", return_sequences=True),
            la.LSTM(5, activation="hard_sigmoid", return_sequences=True),
            la.LSTM(4, activation="linear"),
            la.Dense(3),
        ),
        "int16x8",
        "int16",
    ),
    "dense first, int16x8": (lambda la: (la.Dense(6, activation="relu"), la.GRU(5), la.ReLU(), la.Dense(2)), "int16x8", "int8"),
}


def integers_of(model, x):
    """What a QAT model carries and puts out, as integers: states (n, time, all), outputs (n, ..., out)."""
    from edgeseq.train.qat.layers import QatDense, QatRecurrent

    states, value, outputs = [], x, None
    for layer in model.layers:
        if isinstance(layer, QatRecurrent):
            carried = layer.carried_integers(value)
            states += [np.asarray(part) for part in carried]
            outputs = np.asarray(carried[0] if layer.return_sequences else carried[0][:, -1])
        elif isinstance(layer, QatDense):
            outputs = np.asarray(layer.output_integers(value))
        value = layer(value)
    return np.concatenate(states, axis=2), outputs


def assert_equal_to_the_oracle(model, graph, x):
    quantized = quantize(graph)
    run = Oracle(quantized, batch=len(x)).run(quantize_input(quantized.input, x), keep_states=True)
    states, outputs = integers_of(model, x)
    assert (states == run.states).all()
    assert (outputs == (run.outputs if graph.returns_sequence else run.outputs[:, -1])).all()
    assert np.ptp(states) > 1000  # something happened


# Each layer compiles two loops of its own.
LONG = ("low rank", "other functions")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if any(word in name for word in LONG) else []) for name in CASES]
)
def test_trained_model_is_what_the_exporter_reads(keras, qat, name, tmp_path):
    """After training and new row factors, a saved and loaded model's states and outputs equal the oracle's, at all steps."""
    stack, scheme, input_dtype = CASES[name]
    model = qat.prepare(float_model(keras, *stack(keras.layers)), raw(), scheme, input_dtype=input_dtype)
    model.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse")
    target = np.random.default_rng(0).normal(0, 1, (WINDOWS, *np.shape(model(raw()))[1:]))
    before = [np.asarray(w) for w in model.trainable_weights]
    start = model.evaluate(raw(), target, verbose=0)  # without dropout
    model.fit(raw(), target, epochs=3, batch_size=WINDOWS, verbose=0, callbacks=[qat.Rescale()])
    assert model.evaluate(raw(), target, verbose=0) < start
    assert all((np.asarray(w) != old).any() for w, old in zip(model.trainable_weights, before, strict=True))
    model.save(tmp_path / "m.keras")
    loaded = qat.load(tmp_path / "m.keras")
    unseen = raw(seed=9)
    assert (np.asarray(loaded(unseen)) == np.asarray(model(unseen))).all()
    for source in (tmp_path / "m.keras", model):
        assert_equal_to_the_oracle(loaded, load_model(source), unseen)
    assert inspect_model(tmp_path / "m.keras").parameters == sum(w.numpy().size for w in model.trainable_weights)


def test_quantised_file_keeps_what_was_trained(keras, qat):
    """A trained model survives .esq: the same bytes after reading and writing, the same integers."""
    model = qat.prepare(float_model(keras, keras.layers.LSTM(4), keras.layers.Dense(2)), raw(), "int8x4")
    quantized = quantize(load_model(model))
    data = to_bytes(quantized)
    assert to_bytes(from_bytes(data)) == data
    assert (quantized.scheme, quantized.layers[0].input.bits, quantized.layers[1].matvec.bits) == ("int8x4", 4, 8)


def take_weights(layer, trained):
    """Give a float layer the real weights of a QAT layer."""
    named = {weight.name: np.asarray(weight) for weight in trained.trainable_variables}
    if "candidate_bias" in named:  # of a GRU with reset_after
        apart = np.concatenate([np.zeros(2 * layer.units), named["candidate_bias"]])
        named["bias"] = np.stack([named["bias"], apart])
    for weight in layer.trainable_variables:
        weight.assign(named[weight.name])


@pytest.mark.parametrize("cell", ["GRU", "LSTM", "SimpleRNN", "MGU", "MinGRU", "FastGRNN"])
def test_gradient_is_that_of_the_float_model(keras, qat, cell):
    """At 16-bit activations the gradient of every weight points where the float model's of the same weights does."""
    import tensorflow as tf

    layers = keras.layers
    kind = getattr(layers, cell, None) or getattr(cells(), cell)
    model = float_model(keras, kind(8), layers.Dense(3))
    trained = qat.prepare(model, raw(), "int16x8", input_dtype="int16")
    take_weights(model.layers[1], trained.layers[1])
    model.layers[2].set_weights([np.asarray(trained.layers[2].matrix.kernel), np.asarray(trained.layers[2].bias)])
    target = np.random.default_rng(0).normal(0, 1, (WINDOWS, 3)).astype(np.float32)
    found = []
    for each in (model, trained):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((each(raw()) - target) ** 2)
        weights = [w.value for layer in each.layers[1:] for w in layer.trainable_variables if "bias" not in w.name]
        found.append([np.asarray(g).ravel() for g in tape.gradient(loss, weights)])
    for wanted, got in zip(*found, strict=True):
        cosine = wanted @ got / np.linalg.norm(wanted) / np.linalg.norm(got)
        # States differ by about 45 dB, weights likewise: each tilts the gradient by some 0.5 %, cosine 1 - 1e-4 or so.
        assert cosine > 0.995
        assert abs(np.linalg.norm(got) / np.linalg.norm(wanted) - 1) < 0.05


def test_recurrence_gradient_equals_that_of_the_unrolled_steps(keras, qat):
    """The backward loop gives what automatic differentiation of all steps gives, up to float32 sums."""
    import tensorflow as tf

    layer = qat.prepare(float_model(keras, keras.layers.GRU(6)), raw(), "int8").layers[1]
    x = tf.constant(np.random.default_rng(0).integers(-9000, 9000, (4, STEPS, FEATURES)).astype(np.float32))
    codes, bias = layer.input_matrix.rounded(tf.convert_to_tensor(layer.bias), layer.x_enters, layer.out_scale)
    state = layer.recurrent_matrix.rounded(layer.recurrent_bias(), layer.h_enters, layer.out_scale)
    factors = (layer.input_matrix.factor(), layer.recurrent_matrix.factor())
    sources = [x, codes, bias, *state]

    def unrolled():
        projected, h = layer.project(x, (codes, bias), factors), tf.zeros((4, 6))
        for t in range(STEPS):
            (h,) = layer.step(projected[:, t], (h,), state, factors)
        return h

    found = []
    for run in (lambda: layer._recurrence(x, (codes, bias), state, factors)[0][:, -1], unrolled):
        with tf.GradientTape() as tape:
            tape.watch(sources)
            total = tf.reduce_sum(run() * tf.constant(np.linspace(-1, 1, 24).reshape(4, 6).astype(np.float32)))
        found.append([np.asarray(total), *map(np.asarray, tape.gradient(total, sources))])
    for got, wanted in zip(*found, strict=True):
        # float32 sums over 12 steps and 4 windows: 48 * 2**-24 of the largest term, and cancellation.
        assert np.allclose(got, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


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


def test_trained_parameters_are_not_chosen_again(keras, qat):
    """Asking for another scheme or input of a trained model is an error that says what to do; its own needs no data."""
    graph = load_model(qat.prepare(float_model(keras, keras.layers.GRU(3)), raw(), "int8x4", input_dtype="int8"))
    with pytest.raises(CalibrationError, match=r"was trained as int8x4, not int8\. Prepare"):
        quantize(graph, raw(), "int8")
    with pytest.raises(CalibrationError, match="trained with int8 input codes, not int16"):
        quantize(graph, input_dtype="int16")
    assert to_bytes(quantize(graph, raw(), "int8x4")) == to_bytes(quantize(graph))
    with pytest.raises(CalibrationError, match="needs calibration windows: the input, layer 'gru"):
        quantize(load_model(float_model(keras, keras.layers.GRU(3))))


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


@pytest.mark.parametrize("block", [(1, 4), (2, 2), (5, 3)])
def test_block_mask_takes_the_smallest_blocks(keras, block):
    """The share of zero blocks is exact, they are the smallest by mean square, and edges count as blocks."""
    from edgeseq.train.qat.prune import block_mask

    weight = np.random.default_rng(0).normal(0, 1, (10, 11))
    mask = block_mask(weight, 0.5, block)
    kept, gone = [], []
    for row in range(0, 10, block[0]):
        for column in range(0, 11, block[1]):
            part = (slice(row, row + block[0]), slice(column, column + block[1]))
            assert mask[part].all() or not mask[part].any()
            (kept if mask[part].all() else gone).append(float((weight[part] ** 2).mean()))
    assert len(gone) == round(0.5 * (len(kept) + len(gone)))
    assert max(gone) <= min(kept)


def test_blocks_start_anew_with_every_gate(keras):
    """Blocks of four units never reach into the next gate: kernels read four units of one gate at a time."""
    from edgeseq.train.qat.prune import block_mask

    mask = block_mask(np.random.default_rng(0).normal(0, 1, (3 * 6, 8)), 0.5, (4, 4), units=6).reshape(3, 6, 2, 4)
    for units in (mask[:, :4], mask[:, 4:]):
        assert (units.all(axis=(1, 3)) | ~units.any(axis=(1, 3))).all()
    assert (~mask[:, [0, 4]].all(axis=3)).sum() == 6  # half of 3 gates, 2 groups of units, 2 groups of columns


@pytest.mark.parametrize("scheme", [None, "int8", "int8x4"], ids=["float", "int8", "int8x4"])
def test_pruned_weights_are_zero_in_the_codes(keras, qat, scheme):
    """Blocks pruned while training are zero codes after export, float models included, and the ramp ends on time."""
    model = float_model(keras, keras.layers.GRU(8), keras.layers.Dense(2))
    model = model if scheme is None else qat.prepare(model, raw(), scheme)
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    epochs = 4
    pruning = qat.Pruning(0.5)
    callbacks = [qat.Prune(model, pruning, epochs), *([qat.Rescale()] if scheme else [])]
    model.fit(raw(), np.ones((WINDOWS, 2)), epochs=epochs, batch_size=8, verbose=0, callbacks=callbacks)
    quantized = quantize(load_model(model), raw())
    for matrix in quantized.layers[0].matrices:
        rows, columns = matrix.weight.shape
        padded = np.zeros((rows, -(-columns // 4) * 4), np.int8)
        padded[:, :columns] = matrix.weight
        zero = (padded.reshape(rows, -1, 4) == 0).all(axis=2)
        assert zero.mean() >= 0.5
    assert pruning.at(0.0) == 0.0
    assert pruning.at(0.3) == pytest.approx(0.5 * (1 - 0.5**3))
    assert pruning.at(0.6) == pruning.at(1.0) == 0.5


def test_student_follows_its_teacher(keras, qat):
    """With weight 1 the labels do not matter and the student's outputs approach the teacher's; mixes are checked."""
    layers = keras.layers
    teacher, other = (float_model(keras, layers.GRU(8), layers.Dense(3, activation="softmax"), seed=seed) for seed in (3, 4))
    student = qat.prepare(other, raw(), "int8x4")
    wrong = (np.asarray(teacher(raw())).argmax(axis=1) + 1) % 3

    def distance():
        return float(np.abs(np.asarray(student(raw())) - np.asarray(teacher(raw()))).mean())

    before = distance()
    distiller = qat.Distiller(student, teacher, qat.Distillation(weight=1.0))
    distiller.compile(optimizer=keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy")
    distiller.fit(raw(), wrong, epochs=30, batch_size=WINDOWS, verbose=0)
    assert distance() < 0.7 * before
    with pytest.raises(DataError, match=r"weight 2; expected 0"):
        qat.Distillation(weight=2.0)
    with pytest.raises(UnsupportedModelError, match="they must agree"):
        qat.Distiller(student, float_model(keras, layers.GRU(4), layers.Dense(2)), qat.Distillation())


def test_fine_tuning_recovers_what_four_bits_and_pruning_lose(keras, qat):
    """Training at 4 bits and 50 % zeros fits a sum over time better than pruning and rounding the float model at once."""
    from edgeseq.train.qat.prune import block_mask, prunable_kernels
    from edgeseq.train.qat.rescale import rescale

    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (512, STEPS, FEATURES)).astype(np.float32)
    y = (x[:, :, 0].sum(axis=1) > x[:, :, 1].sum(axis=1)).astype(np.int64)
    layers = keras.layers
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((None, FEATURES)), layers.GRU(8), layers.Dense(2, activation="softmax")])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy")
    model.fit(x[:448], y[:448], epochs=12, batch_size=64, verbose=0)
    held_out = (x[448:], y[448:], None)
    recipe = qat.QatRecipe("int8x4", epochs=5, learning_rate=3e-3, pruning=qat.Pruning(0.5))
    seen = []
    tuned = qat.fine_tune(
        model, (x[:448], y[:448], None), held_out, recipe, progress=lambda done, total, _: seen.append((done, total))
    )
    assert seen == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert tuned.epochs_run == 5

    def loss(each):
        return float(keras.losses.sparse_categorical_crossentropy(y[:448], each(x[:448])).numpy().mean())

    at_once = qat.prepare(model, x[:448], "int8x4")
    for kernel, _ in prunable_kernels(at_once):
        weight = np.asarray(kernel)
        kernel.assign(weight * block_mask(weight.T, 0.5, (1, 4)).T)
    rescale(at_once)
    assert loss(tuned.model) < 0.95 * loss(at_once)
    # The kept epoch is the one nearest the teacher.
    kept = qat.Distiller(tuned.model, model, recipe.distillation)
    kept.compile(loss="sparse_categorical_crossentropy")
    assert min(tuned.history["val_loss"][3:]) == pytest.approx(kept.evaluate(*held_out[:2], verbose=0), rel=1e-4)
    assert (quantize(load_model(tuned.model)).layers[0].recurrent.weight == 0).mean() >= 0.5  # 8 columns: whole blocks
    assert model.trainable
    missing = (x[:64], np.full((64, 2), np.nan, np.float32), None)
    with pytest.raises(TrainingError, match="loss became NaN in epoch 1 of quantisation-aware training"):
        qat.fine_tune(model, missing, missing, qat.QatRecipe(epochs=1), loss="mse", metrics=())


def test_a_bias_that_outgrew_its_row_is_refused(keras, qat):
    """A bias beyond int32 in steps of its row is named when the model is read, not wrapped around."""
    model = qat.prepare(float_model(keras, keras.layers.LSTM(3)), raw())
    model.layers[1].bias.assign(np.full(12, 1e30, np.float32))
    with pytest.raises(UnsupportedModelError, match=r"a bias of .* steps does not fit its row"):
        load_model(model)


def seconds_of_an_epoch(model, x, y):
    """Processor time of the cheaper of two epochs, after one that compiles."""
    model.compile(optimizer="adam", loss="mse")
    model.fit(x, y, batch_size=64, verbose=0)
    spent = []
    for _ in range(2):
        start = time.process_time()
        model.fit(x, y, batch_size=64, verbose=0)
        spent.append(time.process_time() - start)
    return min(spent)


@pytest.mark.slow
def test_an_epoch_costs_at_most_four_float_epochs(keras, qat):
    """GRU(32) on 1024 windows of 64 steps, float against int8, in processor time."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, (1024, 64, 8)).astype(np.float32), rng.normal(0, 1, (1024, 4)).astype(np.float32)
    model = keras.Sequential([keras.Input((64, 8)), keras.layers.GRU(32), keras.layers.Dense(4)])
    prepared = qat.prepare(model, x[:64], "int8")
    of_float, of_integers = seconds_of_an_epoch(model, x, y), seconds_of_an_epoch(prepared, x, y)
    assert of_integers < 4 * of_float, (of_integers, of_float)


def test_row_factors_follow_pruned_weights_beside_a_teacher(keras, qat):
    """Fine-tuning with distillation and pruning chooses row factors again."""
    model = float_model(keras, keras.layers.SimpleRNN(4), keras.layers.Dense(2))
    y = np.ones((WINDOWS, 2), np.float32)
    recipe = qat.QatRecipe("int8x4", epochs=3, learning_rate=0.1, pruning=qat.Pruning(0.5))
    first = np.asarray(qat.prepare(model, raw(), "int8x4").layers[1].recurrent_matrix.multiplier)
    tuned = qat.fine_tune(model, (raw(), y, None), (raw(), y, None), recipe, loss="mse", metrics=())
    assert tuned.best_epoch > 1
    assert (np.asarray(tuned.model.layers[1].recurrent_matrix.multiplier) != first).any()


@pytest.mark.parametrize("cell", ["GRU", "LSTM", "MGU", "MinGRU", "FastGRNN"])
def test_training_starts_from_codes_that_compensate_each_other(keras, qat, cell):
    """At 4 bits, a prepared model disturbs the states no more than the nearest codes at the same row factors do."""
    kind = getattr(keras.layers, cell, None) or getattr(cells(), cell)
    model = float_model(keras, kind(12, return_sequences=True), spread=0.2)
    wanted = np.asarray(model(raw()))
    prepared = qat.prepare(model, raw(), "int8x4", input_dtype="int16")

    def noise():
        return float(((np.asarray(prepared(raw())) - wanted) ** 2).sum())

    started = noise()
    layer = prepared.layers[1]
    named = {weight.name: weight for weight in model.layers[-1].trainable_variables}
    for each in layer.roundings():
        each.matrix.kernel.assign(named[each.matrix.kernel.name])
    float_bias = np.asarray(named["bias"])
    layer.bias.assign(float_bias if float_bias.shape == layer.bias.shape else _merged(layer, float_bias))
    assert started <= noise()


def _merged(layer, bias):
    """Of a GRU with reset_after: what is added to both parts, but for the candidate's own."""
    merged = bias.sum(axis=0)
    merged[2 * layer.units :] = bias[0, 2 * layer.units :]
    layer.candidate_bias.assign(bias[1, 2 * layer.units :])
    return merged


def test_start_is_kept_where_no_epoch_validates_better(keras, qat):
    """Training that only does harm returns the model as it was prepared, and stops when patience ends."""
    model = float_model(keras, keras.layers.GRU(6), keras.layers.Dense(2))
    examples = (raw(), np.zeros((WINDOWS, 2), np.float32), None)
    recipe = qat.QatRecipe("int8x4", epochs=6, learning_rate=10.0, patience=2)
    tuned = qat.fine_tune(model, examples, examples, recipe, loss="mse", metrics=())
    assert (tuned.best_epoch, tuned.epochs_run) == (0, 2)
    prepared = qat.prepare(model, raw(), "int8x4")
    assert all((a == b).all() for a, b in zip(tuned.model.get_weights(), prepared.get_weights(), strict=True))
