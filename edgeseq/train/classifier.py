"""A window classifier: Normalization, recurrent layers, Dense softmax head."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgeseq.data import DataSet
from edgeseq.errors import DataError, MissingExtraError

CellName = Literal["gru", "lstm", "rnn"]
CELLS: tuple[CellName, ...] = ("gru", "lstm", "rnn")
# Called with (epochs done, epochs in all, validation accuracy) after each epoch.
Progress = Callable[[int, int, float], None]
VALIDATION_SHARE = 0.1
Examples = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. learning_rate: of Adam, halved when validation stalls; the best epoch is kept."""

    cell: CellName = "gru"
    units: int = 32
    layers: int = 1
    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 3e-3
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class TrainingResult:
    """model: a built keras.Model. test_accuracy: of the float model on the test part, 0..1."""

    model: Any
    recipe: Recipe
    test_accuracy: float
    epochs_run: int


def import_keras() -> Any:
    """Import Keras, quietly, or say how to install it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _quiet_stderr():
            import keras

            keras.ops.zeros(1)  # the first operation starts the backend, which prints too
    except ImportError as error:
        raise MissingExtraError("keras", "train") from error
    return keras


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hide what TensorFlow's C++ side writes to file descriptor 2 before its log level applies."""
    saved = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


def train_classifier(data: DataSet, recipe: Recipe, progress: Progress | None = None) -> TrainingResult:
    """Train on the training part, keep the epoch that validates best, score on the test part.

    Raises DataError when the loss becomes NaN.
    """
    keras = import_keras()
    keras.utils.set_random_seed(recipe.seed)
    training, validation = split(data, recipe.seed)
    model = _build(keras, data, recipe)
    model.compile(
        optimizer=keras.optimizers.Adam(recipe.learning_rate, clipnorm=1.0),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    report = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: progress(epoch + 1, recipe.epochs, logs["val_accuracy"]) if progress else None
    )
    history = model.fit(
        *training,
        validation_data=validation,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        verbose=0,
        callbacks=[
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=4, min_lr=1e-4),
            _keep_best(keras),
            report,
        ],
    )
    if not np.isfinite(history.history["loss"][-1]):
        raise DataError(
            f"{data.name}: the loss became NaN in epoch {len(history.history['loss'])}; "
            "lower --learning-rate, or check the data for extreme values"
        )
    return TrainingResult(model, recipe, accuracy_of(data, model), len(history.history["loss"]))


def accuracy_of(data: DataSet, model: Any) -> float:
    """Accuracy of a classifier on the test part, 0..1."""
    predicted = model.predict(data.x_test, verbose=0, batch_size=512).argmax(axis=1)
    return float((predicted == data.y_test).mean())


def split(data: DataSet, seed: int) -> tuple[Examples, Examples]:
    """Return (windows, labels) to train on, and those held out for validation."""
    order = np.random.default_rng(seed).permutation(len(data.x_train))
    held_out = max(1, round(VALIDATION_SHARE * len(order)))
    if held_out == len(order):
        raise DataError(f"{data.name}: {len(order)} training windows; at least 2 are needed")
    validation, training = order[:held_out], order[held_out:]
    return (data.x_train[training], data.y_train[training]), (data.x_train[validation], data.y_train[validation])


def _keep_best(keras: Any) -> Any:
    return keras.callbacks.EarlyStopping("val_loss", patience=15, restore_best_weights=True, start_from_epoch=5)


def _build(keras: Any, data: DataSet, recipe: Recipe) -> Any:
    layers = keras.layers
    cell = {"gru": layers.GRU, "lstm": layers.LSTM, "rnn": layers.SimpleRNN}[recipe.cell]
    normalization = layers.Normalization()
    normalization.adapt(data.x_train)
    stack = [
        cell(recipe.units, return_sequences=index < recipe.layers - 1, name=f"{recipe.cell}_{index + 1}")
        for index in range(recipe.layers)
    ]
    head = layers.Dense(data.classes, activation="softmax", name="head")
    features = data.x_train.shape[2]
    return keras.Sequential([keras.Input((None, features)), normalization, *stack, head], name=f"{data.name}_{recipe.cell}")
