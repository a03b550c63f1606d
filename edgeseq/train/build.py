"""Keras models from a recipe: Normalization, recurrent layers, Dense head, in one straight chain."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeseq.data import Part
from edgeseq.errors import TrainingError
from edgeseq.train.recipe import Recipe
from edgeseq.train.registry import CELLS
from edgeseq.train.tasks import Head


def build_model(keras: Any, part: Part, head: Head, recipe: Recipe, name: str) -> Any:
    """Return a Sequential model, not compiled. part: training windows in raw units, which set the Normalization."""
    if recipe.bidirectional and head.per_step:
        raise TrainingError(
            "a bidirectional layer needs the whole window before its first output, and this task has one after each step; "
            "leave --bidirectional out"
        )
    layers = [keras.Input((None, part.x.shape[2]), name="input"), *_normalization(keras, part, head)]
    last = len(recipe.stack) - 1
    for index, (cell, units) in enumerate(recipe.stack):
        sequences = head.per_step or index < last
        layer_name = f"{cell}_{index + 1}"
        layer = CELLS[cell](keras, units, return_sequences=sequences, name=layer_name)
        layers.append(keras.layers.Bidirectional(layer, name=f"bidirectional_{layer_name}") if recipe.bidirectional else layer)
        if recipe.dropout:
            layers.append(keras.layers.Dropout(recipe.dropout, seed=recipe.seed + index, name=f"dropout_{index + 1}"))
    layers.append(keras.layers.Dense(head.outputs, activation=head.activation, name="head"))
    return keras.Sequential(layers, name=name.replace("/", "_"))


def _normalization(keras: Any, part: Part, head: Head) -> list[Any]:
    """Return a Normalization to mean 0 and variance 1 over steps that are no padding; none for inputs of 0 and 1 only."""
    values = part.x[part.valid(at_end=head.per_step)]
    if np.isin(values, (0, 1)).all():
        return []
    mean, variance = values.mean(axis=0, dtype=np.float64), values.var(axis=0, dtype=np.float64)
    # A constant feature would be divided by almost nothing, and its rounding errors with it.
    variance[variance <= np.square(1e-6 * mean)] = 1.0
    layer = keras.layers.Normalization(name="normalization")
    layer.build((None, None, part.x.shape[2]))
    layer.set_weights([mean.astype(np.float32), variance.astype(np.float32), np.asarray(0, "int32")])
    layer.finalize_state()
    return [layer]


def with_mask(keras: Any, model: Any) -> Any:
    """Return a model of the same layers that also takes which steps are no padding, [x, (batch, time) bool].

    Masked steps in front leave the state reset: each window starts as a stream does. The layers are shared, so that
    training this one trains `model`, which has no mask and is what is saved.
    """
    x = keras.Input(model.input_shape[1:], name="x")
    mask = keras.Input((None,), dtype="bool", name="mask")
    y = x
    for layer in model.layers:
        reads_mask = isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional) or getattr(layer, "reads_mask", False)
        y = layer(y, mask=mask) if reads_mask else layer(y)
    return keras.Model([x, mask], y, name=f"{model.name}_masked")


def compile_model(keras: Any, model: Any, head: Head, recipe: Recipe) -> None:
    """Give the model its loss and the recipe's optimizer. Metrics are weighted like the loss."""
    optimizers = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
    model.compile(
        optimizer=optimizers[recipe.optimizer](recipe.learning_rate, clipnorm=recipe.clipnorm),
        loss=head.loss,
        weighted_metrics=list(head.metrics),
    )
