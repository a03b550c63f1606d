"""Functions of straight pieces on int16: hard_sigmoid, and what ReLU and its kin do.

C twins: ``es_hard_sigmoid``, ``es_hard_sigmoid_of`` in firmware_templates/kernels/es_functions.h, ``es_rectify_s16``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.arith.product import multiply_q15, saturate_int16
from edgeseq.arith.requantize import INT16_MAX, IntArray

Int32Array = npt.NDArray[np.int32]

# Four times the slope in steps of 2**-15: Keras 3 computes relu6(x + 3) / 6, Keras 2 clip(0.2 * x + 0.5).
HARD_SLOPES = {"hard_sigmoid": 21845, "hard_sigmoid_keras2": 26214}


def hard_sigmoid(value: IntArray, preactivation_shift: int) -> Int32Array:
    """Return hard_sigmoid in steps of 2**-15, in [0, 32767], of a value at the scale made for it.

    TFLite expresses it as a left shift and an ADD of 1/2, both saturating, and a MAXIMUM with 0.

    >>> hard_sigmoid(np.array([-9000, 0, 100, 9000]), 2)
    array([    0, 16384, 16584, 32767], dtype=int32)
    """
    wide = value.astype(np.int32) << (preactivation_shift - 1)
    return np.clip(wide + 16384, 0, INT16_MAX).astype(np.int32)


def hard_sigmoid_of_cell(cell: IntArray, cell_shift: int, slope: int) -> Int32Array:
    """Return the same of a cell in steps of 2**(cell_shift-15); slope: one of HARD_SLOPES.

    >>> hard_sigmoid_of_cell(np.array([-32768, 0, 16384]), 1, 21845)
    array([ 5461, 16384, 21845], dtype=int32)
    """
    scaled = multiply_q15(cell, np.int32(slope) * np.ones_like(cell, dtype=np.int32), 2 - cell_shift)
    return np.clip(scaled + 16384, 0, INT16_MAX).astype(np.int32)


def rectify(value: IntArray, threshold: int, limit: int, slope: IntArray) -> Int32Array:
    """Return min(value, limit) from the threshold on, and slope * (value - threshold) below it.

    slope: in steps of 2**-15, one for all values or one each (last axis).

    >>> rectify(np.array([-1000, 5, 900]), 0, 600, np.array([16384]))
    array([-500,    5,  600], dtype=int32)
    """
    wide = value.astype(np.int32)
    below = multiply_q15(saturate_int16(wide - threshold), slope)
    return np.where(wide < threshold, below, np.minimum(wide, limit)).astype(np.int32)
