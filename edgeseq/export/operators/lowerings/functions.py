"""What cells and Dense layers apply to requantised sums."""

from __future__ import annotations

from edgeseq.arith.piecewise import HARD_SLOPES
from edgeseq.arith.scale import Q15, Scale, function_scale, power_of_two, preactivation_scale
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.types import Tensor
from edgeseq.graph.layers import UNBOUNDED, CellFunction
from edgeseq.quantize.types import QuantRecurrent


def argument_scale(function: CellFunction, preactivation_shift: int, unbounded_shift: int) -> Scale:
    """Of a function's argument. Where it is a straight line, the slope is in it: the argument is then in output units."""
    if function in HARD_SLOPES:
        return power_of_two(preactivation_shift - 1)
    return function_scale(function, preactivation_shift, unbounded_shift)


def block_scales(layer: QuantRecurrent) -> tuple[Scale, ...]:
    """`argument_scale` of each row block."""
    return tuple(
        argument_scale(function, layer.preactivation_shift, layer.unbounded_shift(block))
        for block, function in enumerate(layer.functions)
    )


def apply(build: Builder, function: CellFunction, x: Tensor) -> Tensor:
    """Of a sum at `argument_scale`."""
    match function:
        case "sigmoid":
            return build.logistic(x)
        case "tanh":
            return build.tanh(x)
        case "relu":
            return build.relu(x)
        case "linear":
            return x
        case _:
            assert x.scale is not None  # sums have one
            return _one_half_more(build, build.shift_left(x, x.scale.exponent - Q15.exponent))


def candidate_in_state(build: Builder, function: CellFunction, value: Tensor, layer: QuantRecurrent) -> Tensor:
    """A candidate behind its function, in the state's steps."""
    if function in UNBOUNDED:
        return build.shift_left(value, layer.candidate_shift - layer.state_shift)
    if layer.state_shift:
        return build.multiply(value, build.filled(value, 16384, Scale(1, -14)), power_of_two(layer.state_shift))
    return value


def apply_to_cell(build: Builder, function: CellFunction, cell: Tensor, cell_shift: int) -> Tensor:
    """Of an LSTM cell in steps of 2**(cell_shift-15)."""
    if function in HARD_SLOPES:
        # Times slope / 4 in steps of 2^-15, and 4: the factor's steps are 2^-17.
        slope = build.filled(cell, HARD_SLOPES[function], Scale(1, -17))
        return _one_half_more(build, build.multiply(cell, slope, Q15))
    if function not in UNBOUNDED and cell_shift >= 3:
        # cell * 24576 * 2**-15: three quarters bring it to the scale of the table's argument.
        wide = preactivation_scale(cell_shift - 1)
        quarters = build.filled(cell, 24576, Scale(wide.mantissa, wide.exponent - power_of_two(cell_shift).exponent - 15))
        cell = build.multiply(cell, quarters, wide)
    return apply(build, function, cell)


def _one_half_more(build: Builder, x: Tensor) -> Tensor:
    """``clip(x + 1/2, 0, 1)`` in steps of 2^-15."""
    return build.relu(build.add(x, build.filled(x, 16384)))
