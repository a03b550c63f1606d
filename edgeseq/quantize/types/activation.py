"""Integer layers that apply a function to single values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq.arith.scale import Scale
from edgeseq.quantize.types.base import QuantSameSize


@dataclass(frozen=True, slots=True, eq=False)
class QuantElementwise(QuantSameSize):
    """A function of single values."""


@dataclass(frozen=True, slots=True, eq=False)
class QuantRelu(QuantElementwise):
    """``max(x, 0)`` on int16; the scale is also that of the input."""


@dataclass(frozen=True, slots=True, eq=False)
class QuantRectify(QuantElementwise):
    """``min(x, limit)`` from the threshold on, ``slope * (x - threshold)`` below it; the scale is also that of the input.

    slope: int16 (1,) or (size,), in steps of 2^-15.
    """

    threshold: int
    limit: int
    slope: npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class QuantLookup(QuantElementwise):
    """A function by a table. in_scale: of the input; table: int16 (513,), see `edgeseq.arith.lookup`."""

    in_scale: Scale
    table: npt.NDArray[np.int16]
