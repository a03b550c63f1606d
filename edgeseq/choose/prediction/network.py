"""A network as the exporter would plan it, from its configuration alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeseq.choose.configuration import REFERENCES, Configuration, TaskShape
from edgeseq.choose.prediction.features import Features, code_features, instruction_features, portable_steps, step_name
from edgeseq.choose.prediction.layout import Layout, Part, head_stack_bytes, layout_of, parts_of
from edgeseq.choose.prediction.references import reference_of
from edgeseq.targets import Core

_FEW_UNITS = 4


@dataclass(frozen=True, slots=True)
class Network:
    """loops, code: what instructions and code are linear in; kinds: layers by what their calls need of the stack.

    window: whether a call takes a whole window, which the measured firmware keeps in static memory instead of on its
    stack; view_bytes: what a step keeps on its own stack, by sizes.
    """

    layout: Layout
    loops: Features
    code: Features
    kinds: tuple[tuple[str, ...], ...]
    input_bytes: int
    output_bytes: int
    window: bool
    view_bytes: int = 0

    def frame_bytes(self, core: Core) -> int:
        """Stack of the firmware's own buffers, and of the step's."""
        if self.window:
            return 0
        if core.isa == "avr":
            return self.input_bytes + self.output_bytes
        buffers = _aligned(self.input_bytes, 4) + _aligned(self.output_bytes, 4) + _aligned(self.view_bytes, 4)
        return _aligned(buffers, _stack_step(core))

    def static_bytes(self, core: Core) -> int:
        """Static RAM: the state struct, and what start-up aligns and keeps behind it."""
        buffers = (self.input_bytes + self.output_bytes) if self.window else 0
        state = self.layout.state + self.layout.scratch
        if core.isa == "avr":
            return state - self.layout.padding + buffers
        return _aligned(_aligned(state, 4) + _aligned(buffers, 4) + 8, _stack_step(core))


def _stack_step(core: Core) -> int:
    return 16 if core.isa == "rv32" else 8


def _aligned(value: int, step: int) -> int:
    return -(-value // step) * step


def kind_of(configuration: Configuration) -> str:
    """Networks whose predictions are equally far off: compilers make special code of layers of very few units."""
    return kind_by(configuration.cell, configuration.units)


def kind_by(cell: str, units: Sequence[int]) -> str:
    """Return the kind of a network of these layers.

    >>> kind_by("lstm+gru", (8, 3)), kind_by("gru", (8, 8)), kind_by("tcn", (2,))
    ('tiny', 'recurrent', 'reference')
    """
    if cell in REFERENCES:
        return "reference"
    return "recurrent" if min(units) >= _FEW_UNITS else "tiny"


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
            ((cell, f"{cell}.{scheme}", f"{cell}.{scheme}.{width}"),),
            (1 + rows * shape.features) * width,
            output_bytes,
            reference.steps is not None,
        )
    parts = parts_of(configuration, shape, kernel_set, bounded)
    steps = portable_steps(parts)
    kinds = tuple(stack_kinds(part, shared=steps[step_name(part)] > 1) for part in parts[:-1])
    loops, code = instruction_features(parts), code_features(parts)
    return Network(
        layout_of(parts),
        loops,
        code,
        kinds,
        (1 + shape.features) * width,
        output_bytes,
        window=False,
        view_bytes=head_stack_bytes(parts[-1]),
    )


def stack_kinds(part: Part, *, shared: bool) -> tuple[str, ...]:
    """What a layer is, from the least to the most particular; shared: it calls a step of portable kernels that others do."""
    x, h = 16 if part.wide else 8, 16 if part.wide_state else 8
    layer = f"{part.family}.{part.cell}"
    names = [part.family, layer, f"{layer}.{part.bits}", f"{layer}.x{x}", f"{layer}.h{h}", f"{layer}.{part.bits}.{x}.{h}"]
    extra = [f"{layer}.unbounded"] * (part.fast and not part.bounded) + [f"{layer}.one"] * (part.units == 1)
    return (*names, *extra, *([f"{layer}.shared"] if shared else []))
