"""Residual connections -> integers: both sides at the scale of their sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from edgeseq.arith.matmul import OUTPUT_HEADROOM
from edgeseq.arith.scale import Scale
from edgeseq.errors import CalibrationError
from edgeseq.graph import Residual
from edgeseq.quantize.ops.affine import affine_to
from edgeseq.quantize.ops.tensor import Settings, Tensor
from edgeseq.quantize.types import QuantResidual

MAX_SUM_SHIFT = 30  # beyond it a side is nothing beside the other one


def residual(
    layer: Residual, tensor: Tensor, settings: Settings, convert_chain: Callable[..., Any], *, last: bool
) -> QuantResidual:
    """The sum takes the shortcut's scale times a power of two, and the body is asked for that very scale.

    A body that cannot give it (a state of 2^-15, say) is brought to it by a gain of one, with a 15-bit
    multiplier. Then each side is at most shifted, and the sum is a plain saturating one.
    """
    shortcut, side = convert_chain(layer.shortcut, tensor, settings, last=False)
    ends = [layer.name] + [chain[-1].name for chain in (layer.body,) if chain]
    reach = max(settings.ranges.max_abs[name, "out"] for name in ends) * (OUTPUT_HEADROOM if last else 1.0)
    scale = side.scale
    while 32767 * scale.value < reach:
        scale = scale.times_power_of_two(1)
    asked = replace(settings, scales={**settings.scales, **{chain[-1].name: scale for chain in (layer.body,) if chain}})
    body, main = convert_chain(layer.body, tensor, asked, last=False)
    if _steps(main.scale, scale) is None:
        ones = np.ones(main.size)
        body = (*body, affine_to(f"{layer.name}_rescale", ones, 0 * ones, main, scale))
        main = Tensor(main.size, body[-1].out_scale, 32768 * body[-1].out_scale.value)
    if main.scale.value > scale.value:
        scale = main.scale
    shifts = [_steps(part.scale, scale) for part in (main, side)]
    if shifts[0] is None or shifts[1] is None:
        raise CalibrationError(
            f"layer {layer.name!r}: its sides reach {32768 * main.scale.value:.3g} and {32768 * side.scale.value:.3g}, "
            "so far apart that the smaller one is lost in the sum. Normalise them and train again"
        )
    return QuantResidual(layer.name, body, shortcut, shifts[0], shifts[1], tensor.size, scale)


def _steps(scale: Scale, total: Scale) -> int | None:
    """Return how far a tensor is shifted right to reach the scale of the sum (negative: left), or None if it cannot be."""
    if scale.mantissa != total.mantissa or abs(total.exponent - scale.exponent) > MAX_SUM_SHIFT:
        return None
    return total.exponent - scale.exponent
