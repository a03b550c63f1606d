"""A network as the exporter would plan it, from its configuration alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeseq.choose.configuration import Configuration, TaskShape
from edgeseq.choose.prediction.features import Features, code_features, instruction_features
from edgeseq.choose.prediction.layout import Layout, Part, layout_of, parts_of
from edgeseq.choose.prediction.references import reference_of
from edgeseq.targets import Core


@dataclass(frozen=True, slots=True)
class Network:
    """loops, code: what instructions and code are linear in; kinds: layers by what their calls need of the stack.

    frame_bytes: what the measured firmware reads and writes a call; window: whether that is a whole window, in static
    memory instead of on the stack.
    """

    layout: Layout
    loops: Features
    code: Features
    kinds: tuple[tuple[str, ...], ...]
    input_bytes: int
    output_bytes: int
    window: bool

    def frame_bytes(self, core: Core) -> int:
        """Stack of the firmware's own buffers."""
        if self.window:
            return 0
        if core.isa == "avr":
            return self.input_bytes + self.output_bytes
        return _aligned(_aligned(self.input_bytes, 4) + _aligned(self.output_bytes, 4), _stack_step(core))

    def static_bytes(self, core: Core) -> int:
        """Static RAM: the state struct, and what start-up aligns and keeps behind it."""
        buffers = (self.input_bytes + self.output_bytes) if self.window else 0
        state = self.layout.state + self.layout.scratch
        if core.isa == "avr":
            return state + buffers
        return _aligned(_aligned(state, 4) + _aligned(buffers, 4) + 8, _stack_step(core))


def _stack_step(core: Core) -> int:
    return 16 if core.isa == "rv32" else 8


def _aligned(value: int, step: int) -> int:
    return -(-value // step) * step


def network_of(configuration: Configuration, shape: TaskShape, kernel_set: str, bounded: Sequence[bool] = ()) -> Network:
    """Describe a configuration as a kernel set runs it. bounded: as of `parts_of`."""
    width = 1 if configuration.input_dtype == "int8" else 2
    output_bytes = 2 * shape.outputs
    if configuration.reference:
        reference = reference_of(configuration, shape, kernel_set)
        rows = 1 if reference.steps is None else reference.steps
        cell, scheme = configuration.cell, configuration.scheme
        return Network(
            reference.layout,
            reference.loops,
            reference.code,
            ((f"{cell}.{scheme}.{width}", f"{cell}.{scheme}", cell),),
            (1 + rows * shape.features) * width,
            output_bytes,
            reference.steps is not None,
        )
    parts = parts_of(configuration, shape, kernel_set, bounded)
    kinds = tuple(stack_kinds(part) for part in parts[:-1])
    loops, code = instruction_features(parts), code_features(parts)
    return Network(layout_of(parts), loops, code, kinds, (1 + shape.features) * width, output_bytes, window=False)


def stack_kinds(part: Part) -> tuple[str, ...]:
    """Names of a layer's kind, from the most to the least particular."""
    x, h = 16 if part.wide else 8, 16 if part.wide_state else 8
    names = (part.family, part.cell, part.bits, x, h, part.entry)
    return tuple(".".join(map(str, names[:count])) for count in (6, 5, 3, 2, 1))
