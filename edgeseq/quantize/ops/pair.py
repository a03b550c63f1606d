"""The matrices of a recurrent layer at common scales -> integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from edgeseq.arith.matmul import (
    MAX_STATE_SHIFT,
    MatmulInput,
    fit_preactivation,
    multipliers_for,
    power_shift,
    preactivation_error,
)
from edgeseq.arith.requantize import Multipliers
from edgeseq.arith.rounding import Moments, mean_error, round_matrix, row_stretch
from edgeseq.arith.scale import RowScales, Scale, function_scale, row_scales
from edgeseq.graph import Recurrent
from edgeseq.graph.layers import UNBOUNDED, FloatArray
from edgeseq.quantize.ops.tensor import Settings
from edgeseq.quantize.parameters import quantize_matrix
from edgeseq.quantize.types import Matvec, WeightBits

MAX_GATE_SHIFT = 8


@dataclass(frozen=True, slots=True)
class Shifts:
    """What relu and linear leave unbounded, in steps of 2**(n-15) each: the state, gates, a candidate's rows."""

    state: int
    gate: int
    candidate: int

    def widened(self, layer: Recurrent) -> Shifts:
        """The next coarser steps of the rows that the layer leaves unbounded."""
        functions = layer.functions
        candidate = int(functions[layer.candidate] in UNBOUNDED)
        gate = int(any(f in UNBOUNDED for at, f in enumerate(functions) if at != layer.candidate))
        return Shifts(self.state, self.gate + gate, self.candidate + candidate)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One matrix. weight: (rows, columns); bias: (rows,); moments: of what its first rows read, and of what the rest reads."""

    weight: FloatArray
    bias: FloatArray
    entering: MatmulInput
    moments: Moments
    rest: Moments | None = None
    first_rest: int = 0

    def multipliers(self, scale: Scale | RowScales, bits: WeightBits, stretch: float) -> Multipliers | None:
        """Factors of all rows, or None where the scale is too fine."""
        stretches = stretch * row_stretch(self.weight, bits, self.moments)
        return multipliers_for(self.weight, self.bias, self.entering, scale, bits, stretches)

    def rounded(self, chosen: Multipliers, settings: Settings, bits: WeightBits) -> Rounded:
        """Codes, and what rounding takes from the mean of each row."""
        codes, error = self._round(slice(None), self.moments, chosen, settings, bits)
        if self.rest is not None:
            rows = slice(self.first_rest, None)
            codes[rows], error[rows] = self._round(rows, self.rest, chosen, settings, bits)
        return Rounded(self, chosen, codes, error)

    def _round(
        self, rows: slice, moments: Moments, chosen: Multipliers, settings: Settings, bits: WeightBits
    ) -> tuple[npt.NDArray[np.int8], FloatArray]:
        weight, scale = self.weight[rows], chosen.weight_scale[rows]
        codes = round_matrix(weight, scale, moments, settings.ranges.damping, bits)
        return codes, mean_error(weight, codes, scale, moments)


@dataclass(frozen=True, slots=True, eq=False)
class Rounded:
    """A part with its codes. error: (rows,), what the biases must add."""

    part: Part
    chosen: Multipliers
    codes: npt.NDArray[np.int8]
    error: FloatArray

    def matvec(self, bias: FloatArray, bits: WeightBits) -> Matvec:
        """The integer matrix with that bias."""
        return quantize_matrix(bias, self.chosen, self.part.entering, self.codes, bits)


def fit(
    layer: Recurrent, settings: Settings, parts_at: Callable[[Shifts], Sequence[Part]], shifts: Shifts
) -> tuple[int, Shifts, list[Rounded]]:
    """Round all matrices that are added, at the finest pre-activation scale and state that hold them.

    parts_at: the matrices, given the steps of the state that one of them may read.
    """
    ranges, bits = settings.ranges, settings.bits(layer)
    curved = tuple(f for f in layer.functions if f not in UNBOUNDED)
    largest = max(ranges.max_abs.get((layer.name, part), 0.0) for part in ("input_part", "recurrent_part"))

    def finest(shift: int) -> Scale:
        return min((function_scale(f, shift, 0) for f in curved or ("tanh",)), key=lambda scale: scale.value)

    while True:
        parts = parts_at(shifts)
        found = fit_preactivation(largest, finest, partial(_multipliers, layer, settings, parts, shifts))
        if found is not None:
            preactivation_shift, chosen = found
            rounded = [part.rounded(m, settings, bits) for part, m in zip(parts, chosen, strict=True)]
            return preactivation_shift, shifts, rounded
        wider = shifts.widened(layer)
        if wider == shifts or wider.candidate > MAX_STATE_SHIFT or wider.gate > MAX_GATE_SHIFT:
            raise preactivation_error(f"layer {layer.name!r}", largest)
        shifts = wider


def _multipliers(
    layer: Recurrent, settings: Settings, parts: Sequence[Part], shifts: Shifts, preactivation_shift: int
) -> list[Multipliers | None]:
    scales = scales_of(layer, preactivation_shift, shifts)
    return [part.multipliers(scales, settings.bits(layer), settings.ranges.stretch) for part in parts]


def scales_of(layer: Recurrent, preactivation_shift: int, shifts: Shifts) -> Scale | RowScales:
    """Of the requantised rows, gate by gate; one where all are equal."""
    unbounded = [shifts.candidate if gate == layer.candidate else shifts.gate for gate in range(len(layer.functions))]
    return row_scales(layer.functions, preactivation_shift, unbounded, layer.units)


def shifts_of(layer: Recurrent, settings: Settings) -> Shifts:
    """Return what the calibrated ranges of state, gates and candidate need, a candidate in the state's steps.

    Of a layer that was trained with integers, what it was trained with.
    """
    if layer.fixed is not None:
        return Shifts(layer.fixed.state_shift, 0, layer.fixed.candidate_shift)
    max_abs, name = settings.ranges.max_abs, f"layer {layer.name!r}"
    gate_reach = max_abs.get((layer.name, "gate_part"), 0.0)
    gate = power_shift(f"{name}: an unbounded gate", gate_reach, MAX_GATE_SHIFT)
    if layer.bounded:
        return Shifts(0, gate, 0)
    state_reach = max(max_abs[layer.name, "state"], max_abs.get((layer.name, "candidate_part"), 0.0))
    state = power_shift(f"{name}: the hidden state", state_reach, MAX_STATE_SHIFT)
    return Shifts(state, gate, state if layer.functions[layer.candidate] in UNBOUNDED else 0)
