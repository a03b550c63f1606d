"""The training loop: epochs in a seeded order, the best epoch kept, a checkpoint after each, halving and stopping.

It takes any compiled Keras model, with any loss, so that quantisation-aware training and distillation use it too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgeseq.errors import TrainingError
from edgeseq.train.checkpoint import Arrays, Checkpoint, Counters, assign, read_checkpoint, values_of
from edgeseq.train.recipe import Recipe
from edgeseq.train.tasks import Examples

# Epochs without progress before the learning rate is halved, and where halving ends.
STALL = 4
SMALLEST_RATE = 1e-4
EVALUATION_BATCH = 256
# Time steps of batches from which a step that XLA compiled pays on a processor: compiling takes 7 to 12 s, and then a
# time step 0.3 to 0.5 of its time without (GRU and LSTM of 32 units on FSDD, CWRU and HAR): even at some 50,000.
COMPILED_STEPS = 60_000
# Called with the epochs done (a fraction within one) and the figures of the last complete epoch. May raise StopFit.
Watch = Callable[[float, dict[str, float]], None]


class StopFit(Exception):  # noqa: N818 - a signal, as StopIteration is, no error
    """Raised by a watch: end the fit after the last complete epoch, with status stopped early."""


@dataclass(frozen=True, slots=True)
class FitResult:
    """How a fit ended. history: one dict per epoch: loss, val_loss, their metrics, learning_rate, seconds."""

    status: Literal["complete", "stopped early", "interrupted"]
    counters: Counters

    @property
    def epochs_run(self) -> int:
        """Complete epochs."""
        return self.counters.epoch


def fit(
    keras: Any,
    model: Any,
    train: Examples,
    validation: Examples,
    recipe: Recipe,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    watch: Watch | None = None,
) -> FitResult:
    """Train a compiled model; it then holds the weights of the epoch with the smallest validation loss.

    checkpoint: file replaced after each epoch. resume: go on from it. Ctrl-C ends the fit after the last complete
    epoch, with status interrupted. Raises TrainingError when the loss becomes NaN or infinite, and OutputError when
    the checkpoint cannot be written.
    """
    model.optimizer.build(model.trainable_variables)
    if _compiling_pays(keras, train, recipe):
        _compile_step(model)
    counters, best = Counters(), values_of(model.variables)
    if resume:
        assert checkpoint is not None
        counters, best = _restored(model, read_checkpoint(checkpoint))
    status: Literal["complete", "stopped early", "interrupted"] = "complete"
    try:
        while counters.epoch < recipe.epochs:
            if counters.waited >= recipe.patience:
                status = "stopped early"
                break
            logs = _epoch(keras, model, train, validation, recipe, counters, watch)
            counters = _after_epoch(model, counters, logs)
            if counters.best_epoch == counters.epoch:
                best = values_of(model.variables)
            if checkpoint is not None:
                Checkpoint(counters, values_of(model.variables), values_of(model.optimizer.variables), best).write(checkpoint)
            if watch:
                watch(counters.epoch, logs)
    except StopFit:
        status = "stopped early"
    except KeyboardInterrupt:
        status = "interrupted"
    assign(model.variables, best, "best weights")
    return FitResult(status, counters)


def _compiling_pays(keras: Any, train: Examples, recipe: Recipe) -> bool:
    """Whether the fit has enough time steps of batches, should nothing end it early. Keras sees to a GPU itself."""
    if keras.distribution.list_devices("gpu"):
        return False
    x = train.x[0] if isinstance(train.x, list) else train.x
    batches = math.ceil(len(train) / recipe.batch(len(train)))
    return bool(recipe.epochs * batches * x.shape[1] >= COMPILED_STEPS)


def _compile_step(model: Any) -> None:
    """Let XLA compile the update of a batch, and it alone: evaluation and prediction are too short to gain from that.

    Keras compiles nothing on a machine without GPU.
    """
    model.jit_compile = True
    model.make_train_function(force=True)
    model.jit_compile = False


def _after_epoch(model: Any, counters: Counters, logs: dict[str, float]) -> Counters:
    """Return the counters with one more epoch, and halve the learning rate after some without progress."""
    halved = counters.stalled + 1 >= STALL and logs["val_loss"] >= counters.best_value
    if halved:
        rate = float(model.optimizer.learning_rate.numpy())
        model.optimizer.learning_rate.assign(min(rate, max(rate / 2, SMALLEST_RATE)))
    return counters.after(logs, halved=halved)


def _restored(model: Any, saved: Checkpoint) -> tuple[Counters, Arrays]:
    assign(model.variables, saved.model, "model")
    assign(model.optimizer.variables, saved.optimizer, "optimizer")
    return saved.counters, saved.best


def _epoch(
    keras: Any, model: Any, train: Examples, validation: Examples, recipe: Recipe, counters: Counters, watch: Watch | None
) -> dict[str, float]:
    """Run one epoch. Its order depends on the seed and the epoch alone, so that a resumed run repeats the whole one."""
    order = np.random.default_rng((recipe.seed, counters.epoch)).permutation(len(train))
    batch_size = recipe.batch(len(order))
    batches = math.ceil(len(order) / batch_size)
    last = counters.history[-1] if counters.history else {}
    started = time.monotonic()

    def report(batch: int, logs: Any = None) -> None:
        # The epoch is done when it has been validated too: `fit` says so, with its figures.
        if watch and batch + 1 < batches:
            watch(counters.epoch + (batch + 1) / batches, last)

    fitted = model.fit(
        _rows(train.x, order),
        train.y[order],
        sample_weight=None if train.weight is None else train.weight[order],
        batch_size=batch_size,
        epochs=1,
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.TerminateOnNaN(), keras.callbacks.LambdaCallback(on_train_batch_end=report)],
    )
    logs = {name: float(values[-1]) for name, values in fitted.history.items()}
    if math.isfinite(logs["loss"]):
        figures = model.evaluate(
            validation.x, validation.y, sample_weight=validation.weight, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True
        )
        logs |= {f"val_{name}": float(value) for name, value in figures.items()}
    for name in ("loss", "val_loss"):
        if not math.isfinite(logs.get(name, 0.0)):
            raise TrainingError(
                f"the {'validation ' if name == 'val_loss' else ''}loss became {logs[name]} in epoch {counters.epoch + 1}; "
                "lower --learning-rate or --clipnorm, or check the data for extreme values"
            )
    return {
        **logs,
        "learning_rate": float(model.optimizer.learning_rate.numpy()),
        "seconds": round(time.monotonic() - started, 3),
    }


def _rows(x: Any, order: Any) -> Any:
    return [array[order] for array in x] if isinstance(x, list) else x[order]
