"""Rounded matrices -> `Matvec`. Row factors and scales come from `edgeseq.arith.matmul`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.arith.matmul import INT32_LIMIT, MatmulInput, WeightBits, round_bias, round_weights, weight_scales
from edgeseq.arith.requantize import Multipliers
from edgeseq.arith.scale import RowScales, Scale
from edgeseq.errors import CalibrationError
from edgeseq.graph import FixedRows
from edgeseq.graph.layers import FloatArray
from edgeseq.quantize.types import Matvec


def quantize_matrix(
    bias: FloatArray, multipliers: Multipliers, entering: MatmulInput, codes: npt.NDArray[np.int8], bits: WeightBits
) -> Matvec:
    """Join rounded weights (rows, columns) with the bias in accumulator steps; proves that int32 suffices."""
    bias_codes = round_bias(bias, multipliers.weight_scale, entering, codes)
    reach = np.abs(codes.astype(np.int64)).sum(axis=1) * entering.span + np.abs(bias_codes)
    if reach.max(initial=0) >= INT32_LIMIT:
        raise CalibrationError(f"a matrix of {codes.shape[1]} inputs can overflow its int32 accumulator; use a smaller layer")
    return Matvec(codes, bias_codes.astype(np.int32), multipliers.multiplier, multipliers.shift, bits)


def trained_matrix(
    weight: FloatArray, bias: FloatArray, rows: FixedRows, entering: MatmulInput, out_scale: Scale | RowScales, bits: WeightBits
) -> Matvec:
    """Return the matrix that was trained: weight (rows, columns) and bias hold whole steps of its own multipliers."""
    scale = weight_scales(rows.multiplier, rows.shift, entering.scale, out_scale)
    chosen = Multipliers(rows.multiplier, rows.shift, scale)
    return quantize_matrix(bias, chosen, entering, round_weights(weight, scale, bits), bits)
