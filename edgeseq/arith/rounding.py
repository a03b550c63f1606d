"""Rounding a matrix to int8 so that its *products* stay close, not its entries.

Columns are rounded one after another, and each rounding error is spread over the
columns still to come in proportion to how their inputs correlate (Frantar et al. 2022,
GPTQ; after Hassibi and Stork 1993). What is left of the mean error goes into the bias
(Nagel et al. 2019). Both act before the first integer exists, so they cost nothing on
the device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq.arith.matmul import FloatArray, WeightBits, largest_code

# Share of the mean variance added to every input's: keeps the inverse well conditioned
# and the compensation modest where calibration says little. The last is near plain rounding.
DAMPINGS = (0.05, 0.2, 0.5, 1e3)
# Row scales a little wider than the weights need: another rounding of all of them, at nearly no loss of resolution.
STRETCHES = (1.0, 1.01, 1.02)
# A Dense head is read at the last step, whose statistics are not those of all steps:
# at 0.05 one classifier's states kept 40 dB while 7 % of its classes changed, at 0.5 none.
DENSE_DAMPING = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Statistics of a matmul input over calibration. mean: (columns,); covariance: (columns, columns)."""

    mean: FloatArray
    covariance: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> Moments:
        """Of samples (..., columns)."""
        total = MomentSum(values.shape[-1])
        total.add(values.reshape(-1, values.shape[-1]))
        return total.moments()

    @classmethod
    def unknown(cls, columns: int) -> Moments:
        """All inputs alike and apart: what disturbs products least is then what disturbs the matrix least."""
        return cls(np.zeros(columns), np.eye(columns))


class MomentSum:
    """Accumulates `Moments` batch by batch."""

    def __init__(self, columns: int) -> None:
        self._count = 0
        self._sum = np.zeros(columns)
        self._outer = np.zeros((columns, columns))

    def add(self, x: FloatArray) -> None:
        """Add samples (n, columns)."""
        self._count += len(x)
        self._sum += x.sum(axis=0)
        self._outer += x.T @ x

    def moments(self) -> Moments:
        """Mean and covariance of all samples so far."""
        mean = self._sum / max(1, self._count)
        return Moments(mean, self._outer / max(1, self._count) - np.outer(mean, mean))


# What `row_stretch` tries.
_STRETCHES_4_BITS = np.linspace(1.0, 0.5, 26)


def row_stretch(weight: FloatArray, bits: WeightBits, moments: Moments) -> FloatArray:
    """Return what the step of each row (rows,) is multiplied by, 1 being the step whose codes hold the largest weight.

    At 4 bits, clipping the largest weights often disturbs the products less than coarse codes for all do.
    """
    best = np.ones(len(weight))
    if bits == 8:
        return best
    largest = largest_code(bits)
    least = np.full(len(weight), np.inf)
    widest = np.abs(weight).max(axis=1, initial=0.0) / largest
    for stretch in _STRETCHES_4_BITS:
        step = np.maximum(stretch * widest, 1e-30)[:, None]
        error = weight - step * np.clip(np.round(weight / step), -largest, largest)
        # Mean square of error @ x, less what its mean adds: that goes into the bias.
        disturbed = ((error @ moments.covariance) * error).sum(axis=1)
        better = disturbed < least
        best, least = np.where(better, stretch, best), np.where(better, disturbed, least)
    return best


def round_matrix(
    weight: FloatArray, scale: FloatArray, moments: Moments, damping: float, bits: WeightBits = 8
) -> npt.NDArray[np.int8]:
    """Return codes of that many bits (rows, columns); scale: (rows,) real value of one code; damping: see DAMPINGS.

    A weight that is exactly zero, as pruning leaves it, takes no share of other weights' errors: its code is 0.
    """
    largest = (1 << (bits - 1)) - 1
    covariance = moments.covariance
    added = damping * max(float(np.trace(covariance)) / len(covariance), 1e-12)
    hessian = covariance + added * np.eye(len(covariance))
    # Inputs of large variance first: their errors leave the most columns to compensate.
    order = np.argsort(-np.diag(hessian), kind="stable")
    inverse = np.linalg.inv(hessian[np.ix_(order, order)])
    upper = np.linalg.cholesky((inverse + inverse.T) / 2).T
    left = (weight / scale[:, None])[:, order]
    pruned = left == 0
    codes = np.empty_like(left)
    for column in range(left.shape[1]):
        codes[:, column] = np.clip(np.round(left[:, column]), -largest, largest) * ~pruned[:, column]
        error = (left[:, column] - codes[:, column]) / upper[column, column]
        left[:, column + 1 :] -= error[:, None] * upper[column, column + 1 :]
    result = np.empty_like(codes)
    result[:, order] = codes
    return result.astype(np.int8)


def mean_error(weight: FloatArray, codes: npt.NDArray[np.int8], scale: FloatArray, moments: Moments) -> FloatArray:
    """Mean of (weight - rounded) times the input, per row: what the bias takes over."""
    return np.asarray((weight - codes * scale[:, None]) @ moments.mean, dtype=np.float64)
