"""Keras models of every supported shape, with random weights."""

from typing import Any

import numpy as np

from edgeseq.train.classifier import import_keras

FEATURES = 5


def build(name: str) -> Any:
    """Return the model of a name in MODELS, weights drawn from a fixed seed."""
    keras = import_keras()
    keras.utils.set_random_seed(7)
    model = MODELS[name](keras, keras.layers)
    rng = np.random.default_rng(3)
    for layer in model.layers:
        if type(layer).__name__ != "Normalization":
            layer.set_weights([rng.normal(0, 0.5, w.shape) for w in layer.get_weights()])
    return model


def _adapted(layers: Any) -> Any:
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal([0, 5, -3, 1, 100], [1, 2, 0.1, 10, 30], (50, 8, FEATURES)))
    return layer


def _functional(keras: Any, layers: Any) -> Any:
    entry = keras.Input((8, FEATURES))
    x = layers.GRU(6, return_sequences=True)(entry)
    x = layers.Dropout(0.3)(x)
    x = layers.LSTM(4)(x)
    return keras.Model(entry, layers.Dense(3, activation="softmax")(x))


def _sequential(keras: Any, *stack: Any, steps: int | None = None) -> Any:
    return keras.Sequential([keras.Input((steps, FEATURES)), *stack])


MODELS = {
    "gru": lambda k, la: _sequential(k, la.GRU(6), la.Dense(3)),
    "gru reset before": lambda k, la: _sequential(k, la.GRU(6, reset_after=False), la.Dense(3)),
    "gru without bias": lambda k, la: _sequential(k, la.GRU(6, use_bias=False), la.Dense(3, use_bias=False)),
    "lstm sequences": lambda k, la: _sequential(k, la.LSTM(4, return_sequences=True), la.Dense(2, activation="tanh")),
    "rnn alone": lambda k, la: _sequential(k, la.SimpleRNN(7), steps=8),
    "stacked": lambda k, la: _sequential(
        k, la.GRU(6, return_sequences=True), la.GRU(5), la.Dense(4, activation="relu"), la.Dense(2)
    ),
    "normalized": lambda k, la: _sequential(k, _adapted(la), la.GRU(6, dropout=0.1), la.Dense(3), la.Softmax()),
    "given normalization": lambda k, la: _sequential(k, la.Normalization(mean=[1.0] * 5, variance=[4.0] * 5), la.GRU(4)),
    "activation layers": lambda k, la: _sequential(k, la.LSTM(5), la.ReLU(), la.Dense(3), la.Activation("sigmoid")),
    "dense first": lambda k, la: _sequential(k, la.Dense(6, activation="relu"), la.GRU(5), la.Dense(2)),
    "functional": _functional,
    "stateful": lambda k, la: k.Sequential([k.Input((None, FEATURES), batch_size=1), la.GRU(4, stateful=True), la.Dense(2)]),
    "backwards": lambda k, la: _sequential(k, la.GRU(6, go_backwards=True), la.Dense(3), steps=8),
    "backwards sequences": lambda k, la: _sequential(
        k, la.LSTM(4, go_backwards=True, return_sequences=True), la.SimpleRNN(5, go_backwards=True, return_sequences=True)
    ),
    "backwards in between": lambda k, la: _sequential(
        k, la.GRU(6, return_sequences=True), la.GRU(5, return_sequences=True, go_backwards=True), la.LSTM(3), la.Dense(2), steps=8
    ),
    "bidirectional gru": lambda k, la: _sequential(k, la.Bidirectional(la.GRU(6)), la.Dense(3, activation="softmax"), steps=8),
    "bidirectional lstm sequences": lambda k, la: _sequential(
        k, _adapted(la), la.Bidirectional(la.LSTM(4, return_sequences=True), merge_mode="sum"), la.Dense(2)
    ),
    "bidirectional rnn product": lambda k, la: _sequential(
        k, la.Bidirectional(la.SimpleRNN(5, return_sequences=True), merge_mode="mul"), la.GRU(4), la.Dense(2), steps=8
    ),
    "bidirectional mean": lambda k, la: _sequential(
        k, la.Bidirectional(la.GRU(5, use_bias=False, dropout=0.1), merge_mode="ave"), la.Dense(2, activation="tanh")
    ),
    "given backward layer": lambda k, la: _sequential(
        k,
        la.Bidirectional(la.GRU(6, return_sequences=True), backward_layer=la.LSTM(6, return_sequences=True, go_backwards=True)),
        la.Dense(2),
    ),
    "forward layer backwards": lambda k, la: _sequential(
        k, la.Bidirectional(la.GRU(4, go_backwards=True, return_sequences=True), backward_layer=la.GRU(4, return_sequences=True))
    ),
    "bidirectional between causal": lambda k, la: _sequential(
        k,
        la.LSTM(5, return_sequences=True),
        la.Bidirectional(la.GRU(4, reset_after=False, return_sequences=True)),
        la.Bidirectional(la.LSTM(3)),
        la.Dense(4, activation="relu"),
        la.Dense(2),
        steps=8,
    ),
}
