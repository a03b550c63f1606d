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
class FixedRecurrent:
    """Of a recurrent layer. cell_shift: of an LSTM."""

    scheme: Scheme
    reads: FixedTensor
    preactivation_shift: int
    input: FixedRows
    recurrent: FixedRows
    cell_shift: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class FixedDense:
    """Of a Dense layer. out_scale: None where a table follows, which preactivation_shift then describes."""

    bits: WeightBits
    reads: FixedTensor
    rows: FixedRows
    out_scale: Scale | None
    preactivation_shift: int = 0
