"""Magnitude pruning of weight blocks while a model trains, float or QAT.

Weights are seen as the integer code stores them: one row per gate and unit, one column per input. A block is
`rows` units of one gate x `columns` of them; those with the smallest sum of squares become zero together, so that a
sparse kernel skips a block with one index. The share grows by a cubic ramp (Zhu and Gupta 2017) and, once reached, the
mask is frozen. A weight that is exactly zero has the code 0 in every scheme.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edgeseq.arith.matmul import FloatArray
from edgeseq.errors import DataError, UnsupportedModelError

# Biases and Dense heads are a few per cent of the weights and stay dense.
_CELLS = ("GRU", "LSTM", "SimpleRNN", "MGU", "MinGRU", "FastGRNN")
_LAYERS = (*_CELLS, *(f"Qat{cell}" for cell in _CELLS))
_KERNELS = tuple(f"{name}{factor}" for name in ("kernel", "recurrent_kernel") for factor in ("", "_1", "_2"))


@dataclass(frozen=True, slots=True)
class Pruning:
    """sparsity: final share of zero blocks of each kernel of each recurrent layer; block: (rows, columns).

    The rows are units of one gate. Kernels of Cortex-M cores leave out 4x4, the smallest image 1x4.
    begin, end: share of all training epochs at which the ramp starts and ends; training goes on at the final
    share until the last epoch.
    """

    sparsity: float
    block: tuple[int, int] = (1, 4)
    begin: float = 0.0
    end: float = 0.6

    def __post_init__(self) -> None:
        if not 0 < self.sparsity < 1:
            raise DataError(f"sparsity {self.sparsity:g}; expected more than 0 and less than 1")
        if min(self.block) < 1:
            raise DataError(f"block {self.block[0]}x{self.block[1]}; expected at least 1x1")
        if not 0 <= self.begin <= self.end <= 1:
            raise DataError(f"pruning from {self.begin:g} to {self.end:g} of the epochs; expected 0 <= begin <= end <= 1")

    def at(self, progress: float) -> float:
        """Return the share of zero blocks at a progress of 0..1 through all epochs."""
        span = self.end - self.begin
        done = 1.0 if progress >= self.end else max(0.0, (progress - self.begin) / span)
        return self.sparsity * (1.0 - (1.0 - done) ** 3)


def block_mask(weight: FloatArray, sparsity: float, block: tuple[int, int], units: int | None = None) -> npt.NDArray[np.bool_]:
    """Return what stays of a (rows, columns) matrix; blocks at the edges may be cut off, and count by their mean.

    units: rows of one gate, whose blocks start anew with each; None: all rows are one gate's.
    Ties go to the first block. Blocks that are zero already are the smallest, so a mask only ever grows.
    """
    rows, columns = weight.shape
    units = rows if units is None else units
    gates, down, across = rows // units, -(-units // block[0]), -(-columns // block[1])
    padded = np.zeros((gates, down * block[0], across * block[1]))
    padded[:, :units, :columns] = weight.reshape(gates, units, columns) ** 2
    inside = np.zeros_like(padded)
    inside[:, :units, :columns] = 1.0
    size = (gates, down, block[0], across, block[1])
    energy = padded.reshape(size).sum(axis=(2, 4)) / inside.reshape(size).sum(axis=(2, 4))
    keep = np.ones(energy.size, np.bool_)
    keep[np.argsort(energy, axis=None, kind="stable")[: round(sparsity * energy.size)]] = False
    wide = keep.reshape(gates, down, across).repeat(block[0], axis=1).repeat(block[1], axis=2)
    return np.asarray(wide[:, :units, :columns].reshape(rows, columns))


class _Masked:
    """Constraint that Keras applies to a kernel (columns, rows) after each update."""

    def __init__(self, kernel: Any, units: int) -> None:
        self.kernel, self.units = kernel, units
        self.mask = keras.Variable(np.ones(kernel.shape, np.float32), trainable=False, name=f"{kernel.name}_mask")

    def __call__(self, value: Any) -> Any:
        return value * self.mask


class Prune(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
    """Zero blocks as `pruning` says. epochs: of the whole training, where `fit` is called for one epoch at a time.

    Place it before `Rescale`: row factors then fit what is left of a row.
    """

    def __init__(self, model: Any, pruning: Pruning, epochs: int) -> None:
        super().__init__()
        self.pruning, self.epochs = pruning, epochs
        self._masked = [_Masked(kernel, units) for kernel, units in prunable_kernels(model)]
        for each in self._masked:
            each.kernel.constraint = each

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Move to the epoch's share. The last step of the ramp is reached before the last epoch begins."""
        progress = epoch / max(1, self.epochs - 1)
        share = self.pruning.at(progress)
        for each in self._masked:
            weight = np.asarray(each.kernel, np.float64)
            mask = block_mask(weight.T, share, self.pruning.block, each.units).T
            each.mask.assign(mask.astype(np.float32))
            each.kernel.assign(weight * mask)


def prunable_kernels(model: Any) -> list[tuple[Any, int]]:
    """Return the kernels of a model's recurrent layers, each with its layer's units; without one UnsupportedModelError."""
    kernels = [
        (variable, layer.units)
        for layer in model.layers
        if type(layer).__name__ in _LAYERS
        for variable in layer.trainable_variables
        if variable.name in _KERNELS
    ]
    if not kernels:
        raise UnsupportedModelError(f"model {model.name!r} has no recurrent layer to prune: {', '.join(_LAYERS)}")
    return kernels
