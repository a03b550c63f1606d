"""Keras models of every cell and activation, with random weights."""

import functools
from typing import Any

import numpy as np

from edgeseq.frontend.handlers.functions import CELL_FUNCTIONS, NAMES
from edgeseq.train import compact_layers
from edgeseq.train.classifier import import_keras

FEATURES = 5
# Functions of single values that a Dense layer may have.
DENSE_FUNCTIONS = [name for name in NAMES if name not in ("linear", "relu", "sigmoid", "tanh", "softmax")]


def cells() -> dict[str, Any]:
    """Name -> what makes the recurrent layer."""
    keras, compact = import_keras(), compact_layers()
    layers = keras.layers
    options: dict[str, tuple[Any, dict[str, Any]]] = {f"rnn {f}": (layers.SimpleRNN, {"activation": f}) for f in CELL_FUNCTIONS}
    for inner in CELL_FUNCTIONS:
        for gate in CELL_FUNCTIONS:
            functions = {"activation": inner, "recurrent_activation": gate}
            options[f"gru {inner} {gate}"] = layers.GRU, functions
            options[f"gru before {inner} {gate}"] = layers.GRU, {"reset_after": False, **functions}
            options[f"lstm {inner} {gate}"] = layers.LSTM, functions
    for bias in (True, False):
        kinds = {"rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU} | {
            kind.__name__.lower(): kind for kind in compact
        }
        options |= {f"{name} bias {bias}": (kind, {"use_bias": bias}) for name, kind in kinds.items()}
    options["fastgrnn rank w"] = compact.FastGRNN, {"rank_w": 2}
    options["fastgrnn rank u"] = compact.FastGRNN, {"rank_u": 3}
    options["fastgrnn low rank"] = compact.FastGRNN, {"rank_w": 2, "rank_u": 1}
    return {name: functools.partial(kind, 4, **chosen) for name, (kind, chosen) in options.items()}


def heads() -> dict[str, Any]:
    """Name -> what makes the layers behind a GRU."""
    layers = import_keras().layers
    made = {name: lambda n=name: [layers.Dense(3, activation=n)] for name in DENSE_FUNCTIONS}
    made |= {f"{name} alone": lambda n=name: [layers.Activation(n), layers.Dense(3)] for name in ("sigmoid", "hard_sigmoid")}
    made["relu layer"] = lambda: [layers.Dense(3), layers.ReLU(max_value=0.5, negative_slope=0.25, threshold=0.1)]
    made["leaky relu layer"] = lambda: [layers.LeakyReLU(negative_slope=0.1), layers.Dense(3)]
    made["elu layer"] = lambda: [layers.Dense(3), layers.ELU(alpha=0.5)]
    made["prelu layer"] = lambda: [layers.Dense(3), layers.PReLU(shared_axes=[1])]
    return made


def randomized(layers: list[Any], gain: float = 0.3) -> Any:
    """A Sequential of those layers with every weight drawn from a seed."""
    keras = import_keras()
    model = keras.Sequential([keras.Input((8, FEATURES)), *layers])
    rng = np.random.default_rng(3)
    for layer in model.layers:
        layer.set_weights([np.clip(rng.normal(0, gain, w.shape), -1, 1) for w in layer.get_weights()])
    return model
