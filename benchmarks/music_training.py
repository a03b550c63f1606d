"""Training of `benchmarks.music`: whole pieces in lanes, one compiled update per chunk of steps.

Pieces lie one after another in a few lanes, and every lane is cut into chunks of the same number of steps. The state
is carried from chunk to chunk and set to zero where a piece begins, so each prediction has seen its piece from the
start. Gradients end at a chunk's beginning; a piece no longer than a chunk is never cut.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.train.classifier import import_keras

NOTES = 88
WEIGHT_NOISE = np.float32(0.075)  # standard deviation, Chung et al. 2014
GRADIENT_NORM = 1.0
# Name: units. Parameters of the recurrent layers are about equal, Chung et al. 2014, Table 1.
CELLS = {"rnn": 100, "gru": 46, "lstm": 36}

Roll = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Schedule:
    """lanes: pieces side by side in one update; steps: of one chunk; patience: epochs without a better validation."""

    lanes: int
    steps: int
    epochs: int
    patience: int


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """x, y: (steps, lanes, 88) uint8, y one step ahead; keep: 0 where a piece begins; real: 1 where y is of a piece."""

    x: Roll
    y: Roll
    keep: npt.NDArray[np.float32]
    real: npt.NDArray[np.float32]


def pack(pieces: Sequence[Roll], lanes: int, steps: int) -> list[Chunk]:
    """Lay the pieces, each (its steps, 88), into lanes in the given order; the next one goes to the shortest lane."""
    ends = np.zeros(lanes, np.int64)
    places: list[tuple[int, int]] = []
    for piece in pieces:
        length = len(piece) - 1  # the last step has no next one
        lane = int(ends.argmin())
        start = int(ends[lane])
        if length <= steps < start % steps + length:
            start += -start % steps
        places.append((lane, start))
        ends[lane] = start + length
    total = -(-int(ends.max()) // steps) * steps
    x, y = np.zeros((2, total, lanes, NOTES), np.uint8)
    keep, real = np.ones((total, lanes, 1), np.float32), np.zeros((total, lanes), np.float32)
    for piece, (lane, start) in zip(pieces, places, strict=True):
        rows = slice(start, start + len(piece) - 1)
        x[rows, lane], y[rows, lane] = piece[:-1], piece[1:]
        keep[start, lane], real[rows, lane] = 0.0, 1.0
    cuts = [slice(start, start + steps) for start in range(0, total, steps)]
    return [Chunk(x[cut], y[cut], keep[cut], real[cut]) for cut in cuts]


def build(cell: str, units: int | None = None) -> Any:
    """Return the Keras model (time, 88) -> (time, 88) of probabilities.

    The GRU applies r to h before the product, as Chung et al. write it.
    """
    layers = import_keras().layers
    size = CELLS[cell] if units is None else units
    options = {"return_sequences": True, "name": cell}
    recurrent = {
        "rnn": lambda: layers.SimpleRNN(size, **options),
        "gru": lambda: layers.GRU(size, reset_after=False, **options),
        "lstm": lambda: layers.LSTM(size, **options),
    }[cell]()
    head = layers.Dense(NOTES, activation="sigmoid", name="notes")
    return import_keras().Sequential([layers.Input((None, NOTES)), recurrent, head], name=f"music_{cell}")


def _step(cell: str, units: int) -> Callable[..., tuple[Any, Any]]:
    """Return (input part, recurrent kernel, h, c) -> (h, c), the equations of Keras' layers."""
    import tensorflow as tf

    def rnn(a: Any, kernel: Any, h: Any, c: Any) -> tuple[Any, Any]:
        return tf.tanh(a + h @ kernel), c

    def gru(a: Any, kernel: Any, h: Any, c: Any) -> tuple[Any, Any]:
        of_gates, of_candidate = kernel
        gates = tf.sigmoid(a[:, : 2 * units] + h @ of_gates)
        z, r = gates[:, :units], gates[:, units:]
        return z * h + (1.0 - z) * tf.tanh(a[:, 2 * units :] + (r * h) @ of_candidate), c

    def lstm(a: Any, kernel: Any, h: Any, c: Any) -> tuple[Any, Any]:
        i, f, g, o = tf.split(a + h @ kernel, 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c

    return {"rnn": rnn, "gru": gru, "lstm": lstm}[cell]


class Trainer:
    """A model with its compiled update and evaluation.

    Compiled by XLA, a loop of 16 x 100 GRU steps and its gradient takes 12 ms on one core; TensorFlow's loop takes 27.
    """

    def __init__(self, cell: str, schedule: Schedule, rate: float, seed: int) -> None:
        keras = import_keras()
        keras.utils.set_random_seed(seed)
        self.model, self.cell, self.schedule = build(cell), cell, schedule
        self.variables = self.model.trainable_variables
        self.optimizer = keras.optimizers.RMSprop(rate, global_clipnorm=GRADIENT_NORM)
        self.optimizer.build(self.variables)
        self._rng = np.random.default_rng(seed)
        self._compile()

    def _compile(self) -> None:
        import tensorflow as tf

        cell, units, steps, lanes = self.cell, CELLS[self.cell], self.schedule.steps, self.schedule.lanes
        step = _step(cell, units)

        def loss(weights: list[Any], chunk: tuple[Any, ...], h: Any, c: Any) -> tuple[Any, Any, Any]:
            """Return (nats summed over the chunk, h, c)."""
            kernel, recurrent, bias, head, head_bias = weights
            x, y, keep, real = chunk
            flat = tf.reshape(tf.cast(x, tf.float32), (steps * lanes, NOTES))
            parts = tf.reshape(flat @ kernel + bias, (steps, lanes, -1))
            if cell == "gru":  # cut outside the loop, or every step's gradient is padded to the whole kernel
                recurrent = (recurrent[:, : 2 * units], recurrent[:, 2 * units :])
            states = tf.TensorArray(tf.float32, steps, element_shape=(lanes, units))

            def advance(t: Any, h: Any, c: Any, states: Any) -> tuple[Any, ...]:
                h, c = step(parts[t], recurrent, h * keep[t], c * keep[t])
                return t + 1, h, c, states.write(t, h)

            loop = tf.while_loop(lambda t, *_: t < steps, advance, (0, h, c, states), maximum_iterations=steps)
            _, h, c, states = loop
            logits = tf.reshape(states.stack(), (steps * lanes, units)) @ head + head_bias
            targets = tf.reshape(tf.cast(y, tf.float32), (steps * lanes, NOTES))
            nats = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits), axis=1)
            return tf.reduce_sum(nats * tf.reshape(real, (-1,))), h, c

        def update(chunk: tuple[Any, ...], h: Any, c: Any, noise: list[Any]) -> tuple[Any, Any]:
            noisy = [variable + drawn for variable, drawn in zip(self.variables, noise, strict=True)]
            with tf.GradientTape() as tape:
                tape.watch(noisy)
                nats, h, c = loss(noisy, chunk, h, c)
                mean = nats / (steps * lanes)
            self.optimizer.apply(tape.gradient(mean, noisy), self.variables)
            return h, c

        def evaluate(chunk: tuple[Any, ...], h: Any, c: Any) -> tuple[Any, Any, Any]:
            return loss([variable.value for variable in self.variables], chunk, h, c)

        self._update = tf.function(update, jit_compile=True)
        self._evaluate = tf.function(evaluate, jit_compile=True)
        self._zero = tf.zeros((lanes, units))

    def epoch(self, pieces: Sequence[Roll]) -> None:
        """Train once on all pieces in the given order."""
        h = c = self._zero
        for chunk in pack(pieces, self.schedule.lanes, self.schedule.steps):
            # Drawn outside the compiled code, which is several times slower at it.
            noise = [WEIGHT_NOISE * self._rng.standard_normal(v.shape, np.float32) for v in self.variables]
            h, c = self._update((chunk.x, chunk.y, chunk.keep, chunk.real), h, c, noise)

    def nll(self, pieces: Sequence[Roll]) -> float:
        """Nats per predicted time step, weights without noise."""
        total, h, c = 0.0, self._zero, self._zero
        longest_first = sorted(pieces, key=len, reverse=True)
        for chunk in pack(longest_first, self.schedule.lanes, self.schedule.steps):
            nats, h, c = self._evaluate((chunk.x, chunk.y, chunk.keep, chunk.real), h, c)
            total += float(nats)
        return total / sum(len(piece) - 1 for piece in pieces)


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """model: with the weights of the epoch that validated best; valid: its nats per step."""

    model: Any
    trainer: Trainer
    valid: float
    best_epoch: int
    epochs: int
    seconds: float


def train(
    cell: str, schedule: Schedule, log_rate: float, seed: int, training: Sequence[Roll], validation: Sequence[Roll]
) -> Trained:
    """Train until validation has not improved for `patience` epochs; log_rate: natural logarithm of the learning rate."""
    began = time.perf_counter()
    trainer = Trainer(cell, schedule, float(np.exp(log_rate)), seed)
    rng = np.random.default_rng(seed)
    best, best_epoch, weights = float("inf"), 0, trainer.model.get_weights()
    epoch = 0
    while epoch < schedule.epochs and epoch - best_epoch < schedule.patience:
        epoch += 1
        trainer.epoch([training[i] for i in rng.permutation(len(training))])
        valid = trainer.nll(validation)
        if valid < best:
            best, best_epoch, weights = valid, epoch, trainer.model.get_weights()
    trainer.model.set_weights(weights)
    return Trained(trainer.model, trainer, best, best_epoch, epoch, time.perf_counter() - began)
