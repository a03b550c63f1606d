"""Layers around the recurrent ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgeseq.arith.activation import sigmoid_q15, tanh_q15
from edgeseq.arith.normalize import normalize_int16
from edgeseq.arith.pooling import MAX_POOLED_STEPS, mean_of
from edgeseq.arith.product import narrow_to_int8, saturate_int16, shift_right
from edgeseq.arith.requantize import INT16_MIN, requantize
from edgeseq.quantize.types import (
    QuantDelay,
    QuantDepthwise,
    QuantEmbedding,
    QuantLayer,
    QuantNormalize,
    QuantPool,
    QuantResidual,
    QuantWiden,
)
from edgeseq.simulate.runners.base import AnyRunner, Int, Runner


class WidenRunner(Runner[QuantWiden]):
    """Twin: es_widen_s8.c, es_widen_s16.c."""

    def run(self, x: Int) -> Int:
        """Codes without their zero point."""
        return (x - (self.zero_point or 0)) << self.layer.shift


class NormalizeRunner(Runner[QuantNormalize]):
    """Twin: es_normalize_s16.c."""

    def run(self, x: Int) -> Int:
        """Over the last axis."""
        return normalize_int16(x, self.layer.epsilon, self.layer.fraction_bits)


class EmbeddingRunner(Runner[QuantEmbedding]):
    """Twin: es_embed_s16.c."""

    def run(self, x: Int) -> Int:
        """Rows of the table."""
        table = self.layer.table
        return table[np.clip(x[..., 0], 0, len(table) - 1)].astype(np.int32) << 8


class MaxPoolRunner(Runner[QuantPool]):
    """Twin: es_pool_max.c."""

    def reset(self) -> None:
        """Nothing is below the smallest value."""
        self.largest = np.full((self.batch, self.layer.size), INT16_MIN, np.int32)

    def run(self, x: Int) -> Int:
        """The largest so far."""
        self._kept = np.maximum(np.maximum.accumulate(x, axis=1), self.largest[:, None])
        self.largest = self._kept[:, -1]
        return self._kept

    def carried(self) -> tuple[Int, ...]:
        """The distance from the smallest value, which is zero at reset, as the bits of an int16."""
        return ((self._kept - INT16_MIN).astype(np.uint16).view(np.int16).astype(np.int32),)


class AveragePoolRunner(Runner[QuantPool]):
    """Twin: es_pool_average.c."""

    def reset(self) -> None:
        """No steps."""
        self.total, self.count = np.zeros((self.batch, self.layer.size), np.int64), 0

    def run(self, x: Int) -> Int:
        """The mean so far."""
        means, totals = np.empty(x.shape, np.int32), np.empty(x.shape, np.int64)
        counts = np.empty((*x.shape[:2], 1), np.int32)
        for t in range(x.shape[1]):
            if self.count == MAX_POOLED_STEPS:
                self.total, self.count = self.total >> 1, self.count // 2
            self.total, self.count = self.total + x[:, t], self.count + 1
            means[:, t] = mean_of(self.total, self.count)
            totals[:, t], counts[:, t] = self.total, self.count
        low = (totals & 0xFFFF).astype(np.uint16).view(np.int16).astype(np.int32)
        self._carried = low, (totals >> 16).astype(np.int32), counts
        return means

    def carried(self) -> tuple[Int, ...]:
        """Low and high halves of the sums, and their count."""
        return self._carried


def pool_runner(layer: QuantPool, batch: int, zero_point: int | None) -> AnyRunner:
    """The runner of a pooling function."""
    return (MaxPoolRunner if layer.function == "max" else AveragePoolRunner)(layer, batch, zero_point)


class DelayRunner(Runner[QuantDelay]):
    """Twin: es_recall_s8.c, es_recall_s16.c."""

    def reset(self) -> None:
        """Zeros, and the first slot is the oldest."""
        self.past = np.zeros((self.batch, self.layer.history, self.layer.size), np.int32)
        self.position = 0

    def run(self, x: Int) -> Int:
        """The taps of every step, the oldest first."""
        layer, steps = self.layer, x.shape[1]
        narrow = layer.dtype == "int8"
        self._line = np.concatenate([self.past, narrow_to_int8(x) if narrow else x], axis=1)
        past = [self._line[:, tap * layer.dilation : tap * layer.dilation + steps] for tap in range(layer.taps - 1)]
        self._positions = (self.position + 1 + np.arange(steps)) % layer.history
        self.past, self.position = self._line[:, steps:], int(self._positions[-1])
        return np.concatenate([*((tap << 8 if narrow else tap) for tap in past), x], axis=2)

    def carried(self) -> tuple[Int, ...]:
        """The ring as it lies in memory, two int8 values to an int16, and the position of its oldest slot."""
        layer, steps = self.layer, len(self._positions)
        # Slot (position + i) holds the value of i steps after the oldest.
        ages = (np.arange(layer.history) - self._positions[:, None]) % layer.history
        ring = self._line[:, np.arange(steps)[:, None] + 1 + ages].reshape(self.batch, steps, -1)
        if layer.dtype == "int8":
            ring = np.pad(ring.astype(np.int8), ((0, 0), (0, 0), (0, ring.shape[2] % 2))).view("<i2").astype(np.int32)
        positions = np.broadcast_to(self._positions[None, :, None], (self.batch, steps, 1)).astype(np.int32)
        return ring, positions


class DepthwiseRunner(Runner[QuantDepthwise]):
    """Twin: es_depthwise_s16.c, es_activate_s16.c."""

    def run(self, x: Int) -> Int:
        """Channel by channel."""
        layer, matrix = self.layer, self.layer.matvec
        by_channel = x.astype(np.int64).reshape(*x.shape[:2], matrix.columns, layer.channels).repeat(layer.multiplier, axis=3)
        acc = (by_channel * matrix.weight.T.astype(np.int64)).sum(axis=2) + matrix.bias
        out = requantize(acc, matrix.multiplier, matrix.shift)
        match layer.activation:
            case "relu":
                return np.maximum(out, 0)
            case "sigmoid":
                return sigmoid_q15(out << layer.preactivation_shift)
            case "tanh":
                return tanh_q15(out << layer.preactivation_shift)
            case "linear":
                return out


class ResidualRunner(Runner[QuantResidual]):
    """Twin: es_add_s16.c. make: the runners of a chain of layers that reads an int16 tensor."""

    def __init__(self, layer: QuantResidual, batch: int, make: Callable[[Sequence[QuantLayer]], list[AnyRunner]]) -> None:
        self.body, self.shortcut = make(layer.body), make(layer.shortcut)
        super().__init__(layer, batch, None)

    def reset(self) -> None:
        """Both sides."""
        for runner in (*self.body, *self.shortcut):
            runner.reset()

    def run(self, x: Int) -> Int:
        """Both sides, shifted to one scale."""
        sides = []
        for chain, shift in ((self.body, self.layer.body_shift), (self.shortcut, self.layer.shortcut_shift)):
            value = x
            for runner in chain:
                value = runner.run(value)
            sides.append(shift_right(value, shift))
        return saturate_int16(sides[0] + sides[1])

    def carried(self) -> tuple[Int, ...]:
        """The body's, then the shortcut's."""
        return tuple(part for runner in (*self.body, *self.shortcut) for part in runner.carried())
