"""Layers that are trained with integers compute what is exported."""

import numpy as np
import pytest

from edgeseq.errors import CalibrationError
from edgeseq.frontend import inspect_model, load_model
from edgeseq.quantize import quantize
from edgeseq.quantize.esq import from_bytes, to_bytes
from edgeseq.simulate import Oracle
from edgeseq.simulate.oracle import quantize_input
from tests.train.qat_models import FEATURES, STEPS, WINDOWS, cells, float_model, raw

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
