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
            # A moving variance is positive; so is a scale that shall join the input's normalisation.
            positive = ("variance", "gamma") if name == "batch norm of the input" else ("variance",)
            drawn = [rng.normal(0, 0.5, w.shape) for w in layer.get_weights()]
            paths = [w.path.endswith(positive) for w in layer.weights if "seed_generator" not in w.path]
            layer.set_weights([abs(w) + 0.1 if p else w for w, p in zip(drawn, paths, strict=True)])
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


def _tcn(keras: Any, layers: Any) -> Any:
    """Residual blocks of dilated causal convolutions (Bai et al. 2018)."""
    x = entry = keras.Input((8, FEATURES))
    for dilation in (1, 2):
        y = x
        for _ in range(2):
            y = layers.Conv1D(6, 3, padding="causal", dilation_rate=dilation, activation="relu")(y)
            y = layers.SpatialDropout1D(0.2)(y)
        shortcut = x if x.shape[-1] == 6 else layers.Conv1D(6, 1)(x)
        x = layers.Activation("relu")(layers.Add()([shortcut, y]))
    return keras.Model(entry, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def _nested(keras: Any, layers: Any) -> Any:
    """Residual connections inside one another, of the input, and of a layer with itself."""
    entry = keras.Input((None, FEATURES))
    inner = layers.GRU(FEATURES, return_sequences=True)(entry)
    inner = layers.Add()([inner, layers.LayerNormalization()(inner)])
    x = layers.Add()([entry, layers.BatchNormalization()(inner)])
    x = layers.GRU(4)(x)
    return keras.Model(entry, layers.Dense(2)(layers.Add()([x, x])))


def _padded(keras: Any, layers: Any) -> Any:
    """Convolutions that zeros before the window make causal."""
    return keras.Sequential(
        [
            keras.Input((8, FEATURES)),
            layers.ZeroPadding1D((4, 0)),
            layers.DepthwiseConv1D(3, dilation_rate=2, depth_multiplier=2, activation="tanh"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.ZeroPadding1D((2, 0)),
            layers.SeparableConv1D(6, 3, activation="sigmoid"),
            layers.ZeroPadding1D((1, 0)),
            layers.Conv1D(4, 2),
            layers.GlobalMaxPooling1D(),
        ]
    )


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
    "tcn": _tcn,
    "nested residuals": _nested,
    "padded convs": _padded,
    "conv and batch norm": lambda k, la: _sequential(
        k, la.Conv1D(6, 4, padding="causal"), la.BatchNormalization(), la.ReLU(), la.GRU(4), la.Dense(2)
    ),
    "batch norm of the input": lambda k, la: _sequential(k, _adapted(la), la.BatchNormalization(), la.GRU(4)),
    "batch norm of mixed signs": lambda k, la: _sequential(
        k, la.BatchNormalization(scale=False), la.BatchNormalization(), la.GRU(4)
    ),
    "batch norm after a cell": lambda k, la: _sequential(k, la.LSTM(4), la.BatchNormalization(center=False), la.Dense(2)),
    "layer norm": lambda k, la: _sequential(
        k, la.LayerNormalization(), la.LSTM(4), la.LayerNormalization(scale=False, epsilon=0.1), la.Dense(2)
    ),
    "mean pooling": lambda k, la: _sequential(k, la.GRU(6, return_sequences=True), la.GlobalAveragePooling1D(), la.Dense(2)),
    "max pooling": lambda k, la: _sequential(k, la.GlobalMaxPooling1D(), la.Dense(2)),
    "distributed dense": lambda k, la: _sequential(
        k, la.TimeDistributed(la.Dense(6, activation="tanh")), la.GRU(4, return_sequences=True), la.TimeDistributed(la.Dense(2))
    ),
    "stateful": lambda k, la: k.Sequential([k.Input((None, FEATURES), batch_size=1), la.GRU(4, stateful=True), la.Dense(2)]),
}
