"""Row factors and first codes of a layer's matrices: training starts from where quantisation after training ends."""

from __future__ import annotations

import numpy as np

from edgeseq.arith.matmul import FloatArray, MatmulInput, WeightBits, multipliers_for
from edgeseq.arith.requantize import Multipliers
from edgeseq.arith.rounding import Moments, mean_error, round_matrix, row_stretch
from edgeseq.arith.scale import RowScales, Scale
from edgeseq.train.qat.layers.base import QatMatrix


def row_factors(
    kernel: FloatArray,
    bias: FloatArray,
    entering: MatmulInput,
    out_scale: Scale | RowScales,
    bits: WeightBits,
    reads: Moments,
) -> Multipliers | None:
    """`arith.matmul.multipliers_for`, 4-bit rows clipped where products lose least by it.

    kernel: (columns, rows) as Keras lays it out; reads: of what the columns multiply.
    """
    weight = np.asarray(kernel, np.float64).T
    return multipliers_for(weight, np.asarray(bias, np.float64), entering, out_scale, bits, row_stretch(weight, bits, reads))


def start(
    matrix: QatMatrix,
    kernel: FloatArray,
    chosen: Multipliers,
    reads: Moments,
    damping: float,
    rest: tuple[slice, Moments] | None = None,
) -> FloatArray:
    """Give a matrix its row factors, and as weights the codes that `arith.rounding.round_matrix` chooses.

    Half a step from either edge of its code, a weight takes another one only where gradients insist: nearer to an edge,
    the noise of the first updates undoes what the codes compensate in each other. damping: one of
    `arith.rounding.DAMPINGS`. rest: rows that read something else than the others. Returns what the bias of each row
    must add, (rows,).
    """
    weight, scale = np.asarray(kernel, np.float64).T, chosen.weight_scale
    codes, error = np.empty(weight.shape), np.empty(len(weight))
    for rows, read in [(slice(None), reads), *([rest] if rest else [])]:
        rounded = round_matrix(weight[rows], scale[rows], read, damping, matrix.bits)
        codes[rows], error[rows] = rounded, mean_error(weight[rows], rounded, scale[rows], read)
    matrix.kernel.assign((codes * scale[:, None]).T)
    matrix.adopt(chosen)
    return error
