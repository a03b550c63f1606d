"""Float models and windows that tests of training with integers start from."""

import numpy as np

FEATURES, STEPS, WINDOWS = 5, 12, 24


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
