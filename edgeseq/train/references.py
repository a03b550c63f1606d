"""Two classifiers without recurrence, to compare the cells with: a causal TCN and a one-block Transformer encoder.

Both are `build` functions for `train_classifier`; recipe.units sizes them, recipe.cell is not used.
"""

from __future__ import annotations

from typing import Any

from edgeseq.data import DataSet
from edgeseq.train.recipe import Recipe

TAPS = 3
# One head per this many units, as far as they divide.
HEAD_UNITS = 16
# The feed-forward layer's hidden size, in units.
EXPANSION = 2


def tcn_blocks(steps: int, taps: int = TAPS) -> int:
    """Residual blocks whose receptive field, 1 + 2 * (taps - 1) * (2**blocks - 1), covers `steps` time steps.

    >>> tcn_blocks(1), tcn_blocks(29), tcn_blocks(128)
    (1, 3, 6)
    """
    blocks = 1
    while 1 + 2 * (taps - 1) * (2**blocks - 1) < steps:
        blocks += 1
    return blocks


def build_tcn(keras: Any, data: DataSet, recipe: Recipe) -> Any:
    """Causal temporal convolutional network (Bai, Kolter and Koltun 2018), recipe.units channels.

    Residual blocks of two causal convolutions whose dilation doubles from block to block, until the last
    step sees the whole window; without weight normalisation and dropout. The mean over time feeds the head.
    """
    layers, units = keras.layers, recipe.stack[0][1]
    entry, x = _entry(keras, data)
    channels = data.x_train.shape[2]
    for block in range(tcn_blocks(data.x_train.shape[1])):
        body = x
        for number in (1, 2):
            convolution = layers.Conv1D(
                units,
                TAPS,
                padding="causal",
                dilation_rate=2**block,
                activation="relu",
                name=f"block_{block}_conv_{number}",
            )
            body = convolution(body)
        shortcut = x if channels == units else layers.Dense(units, name=f"block_{block}_shortcut")(x)
        channels = units
        x = layers.Activation("relu", name=f"block_{block}")(layers.Add()([body, shortcut]))
    return _classifier(keras, data, entry, x, "tcn")


def build_transformer(keras: Any, data: DataSet, recipe: Recipe) -> Any:
    """One block of a Transformer encoder (Vaswani et al. 2017) of recipe.units, over whole windows.

    A causal convolution embeds the steps and lets their order in, instead of a positional table. Then
    self-attention and a feed-forward layer, each with a residual connection and normalised after it.
    """
    layers, units = keras.layers, recipe.stack[0][1]
    entry, x = _entry(keras, data)
    heads = max(1, units // HEAD_UNITS)
    heads = heads if units % heads == 0 else 1
    x = layers.Conv1D(units, TAPS, padding="causal", name="embedding")(x)
    attended = layers.MultiHeadAttention(heads, units // heads, name="attention")(x, x)
    x = layers.LayerNormalization(name="norm_1")(layers.Add()([x, attended]))
    hidden = layers.Dense(EXPANSION * units, activation="relu", name="expand")(x)
    x = layers.LayerNormalization(name="norm_2")(layers.Add()([x, layers.Dense(units, name="contract")(hidden)]))
    return _classifier(keras, data, entry, x, "transformer")


def _entry(keras: Any, data: DataSet) -> tuple[Any, Any]:
    normalization = keras.layers.Normalization()
    normalization.adapt(data.x_train)
    entry = keras.Input(data.x_train.shape[1:])
    return entry, normalization(entry)


def _classifier(keras: Any, data: DataSet, entry: Any, x: Any, name: str) -> Any:
    pooled = keras.layers.GlobalAveragePooling1D(name="mean")(x)
    head = keras.layers.Dense(data.classes, activation="softmax", name="head")
    return keras.Model(entry, head(pooled), name=f"{data.name}_{name}")
