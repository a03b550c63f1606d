"""What each layer needs in C, whichever kernels run it."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseq.export.c.buffers import Buffer
from edgeseq.quantize.types import Operand


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer in C. carry survives between steps; work lives during this layer alone.

    instances: functions made of templates, printed once however many layers ask for them.
    kernel_set: "portable" or a family of fast kernels; refusal: why the wanted family could not run it.
    sparse: matrices that are stored without their zero blocks.
    """

    label: str
    data: str
    calls: tuple[str, ...]
    kernels: tuple[str, ...]
    output: str  # C expression of the int16 result
    weight_bytes: int
    table_bytes: int
    carry: tuple[Buffer, ...] = ()
    work: tuple[Buffer, ...] = ()
    tensors: tuple[Buffer, ...] = ()
    instances: tuple[str, ...] = ()
    kernel_set: str = "portable"
    refusal: str | None = None
    sparse: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a layer's input lies. expression: of the tensor; input_dtype: of the model's own input, else None."""

    expression: str
    size: int
    input_dtype: Operand | None = None
    zero_point: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer stands. label: its own name in C; prefix: the model's; last: its result goes to y."""

    label: str
    prefix: str
    source: Source
    last: bool

    @property
    def name(self) -> str:
        """Prefix of the layer's data."""
        return f"{self.prefix}_{self.label}"

    @property
    def scratch(self) -> str:
        """C expression of the layer's work struct."""
        return f"state->scratch.work.{self.label}"

    @property
    def output(self) -> str:
        """C expression of a result that is no state."""
        return "y" if self.last else f"state->scratch.{self.label}_y"

    def output_buffer(self, units: int, reason: str) -> tuple[Buffer, ...]:
        """The tensor behind `output`."""
        return () if self.last else (Buffer(f"{self.label}_y", "int16", units, reason),)
