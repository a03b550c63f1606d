"""Integer parameters that a model was trained with: what quantisation then takes as they are, instead of choosing.

The weights of a graph layer that carries them are whole multiples of the steps they describe.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq.arith.matmul import Operand, Scheme, WeightBits
from edgeseq.arith.scale import Scale


@dataclass(frozen=True, slots=True)
class FixedTensor:
    """The tensor that a layer reads. scale: of one step; dtype, zero_point: of the model's input codes, else None and 0."""

    scale: Scale
    dtype: Operand | None = None
    zero_point: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class FixedRows:
    """Requantisation of one matrix. multiplier: int16 (rows,); the factor of a row is ``multiplier * 2**-shift``."""

    multiplier: npt.NDArray[np.int16]
    shift: int


@dataclass(frozen=True, slots=True, eq=False)
class FixedFactor:
    """First of two factors of a matrix. scale, shift: of its result, see `quantize.types.Factor`."""

    rows: FixedRows
    scale: Scale
    shift: int


@dataclass(frozen=True, slots=True, eq=False)
class FixedRecurrent:
    """Of a recurrent layer. recurrent: None without a recurrent matrix; cell_shift: of an LSTM.

    state_shift, candidate_shift: see `quantize.types.QuantRecurrent`. Factors: of matrices of low rank.
    """

    scheme: Scheme
    reads: FixedTensor
    preactivation_shift: int
    input: FixedRows
    recurrent: FixedRows | None = None
    cell_shift: int = 0
    state_shift: int = 0
    candidate_shift: int = 0
    input_factor: FixedFactor | None = None
    recurrent_factor: FixedFactor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FixedDense:
    """Of a Dense layer. out_scale: None where a table follows, which preactivation_shift then describes."""

    bits: WeightBits
    reads: FixedTensor
    rows: FixedRows
    out_scale: Scale | None
    preactivation_shift: int = 0
