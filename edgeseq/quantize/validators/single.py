"""Layers that look at one time step alone."""

from __future__ import annotations

from typing import get_args

import numpy as np

from edgeseq.arith.lookup import table_problem
from edgeseq.arith.requantize import INT16_MAX
from edgeseq.arith.scale import Scale
from edgeseq.quantize.types import (
    UNIT_FUNCTIONS,
    DenseFunction,
    QuantDense,
    QuantElementwise,
    QuantLookup,
    QuantRectify,
    QuantRelu,
)
from edgeseq.quantize.validators.matrix import matvec_problem, shift_problem


def dense(layer: QuantDense, size: int) -> str | None:
    """A matrix of any number of rows."""
    if layer.activation not in get_args(DenseFunction) or layer.input_dtype not in ("int8", "int16"):
        return f"activation {layer.activation!r} of {layer.input_dtype!r} input"
    tabled = layer.activation in UNIT_FUNCTIONS
    return matvec_problem(layer.matvec, size, None) or shift_problem(layer.preactivation_shift, used=tabled)


def _elementwise(layer: QuantElementwise, size: int) -> str | None:
    if layer.units != size:
        return f"{layer.units} units after a tensor of {size}"
    return None if isinstance(layer.scale, Scale) else "no scale"


def relu(layer: QuantRelu, size: int) -> str | None:
    """Its size."""
    return _elementwise(layer, size)


def rectify(layer: QuantRectify, size: int) -> str | None:
    """Its numbers are int16."""
    for name, value in (("threshold", layer.threshold), ("limit", layer.limit)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= INT16_MAX:
            return f"{name} {value!r} is outside 0..{INT16_MAX}"
    if layer.slope.shape not in ((1,), (size,)) or layer.slope.dtype != np.int16:
        return f"slopes {layer.slope.shape} {layer.slope.dtype} do not fit {size} values"
    return _elementwise(layer, size)


def lookup(layer: QuantLookup, size: int) -> str | None:
    """Its table."""
    if not isinstance(layer.in_scale, Scale):
        return "no input scale"
    return table_problem(layer.table) or _elementwise(layer, size)
