"""All rules on .tflite files: each takes the file and the flash in bytes (or None) and yields findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgeseq.doctor.finding import Finding
from edgeseq.doctor.tflite.file import TfliteFile
from edgeseq.doctor.tflite.rules import layout, numbers, operators, state

Rule = Callable[[TfliteFile, "int | None"], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    operators.tensor_list,
    operators.flex,
    operators.custom,
    operators.missing,
    operators.too_new,
    operators.control_flow,
    state.narrow_state,
    state.fused_state,
    state.variables,
    state.open_shape,
    numbers.hybrid,
    numbers.half,
    numbers.per_channel,
    numbers.narrow_bias,
    numbers.four_bits,
    numbers.sparse,
    numbers.foreign_types,
    numbers.floats,
    layout.repeated,
    layout.overhead,
    layout.flash_budget,
    layout.edges,
)
