"""What each layer needs in C, whichever kernels run it."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseq.export.c.buffers import Buffer


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer in C. carry survives between steps; work lives during this layer alone.

    kernel_set: "portable" or a family of fast kernels; refusal: why the wanted family could not run it.
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
    kernel_set: str = "portable"
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a layer's input lies. expression: of the tensor; input_dtype: of the model's own input, else None."""

    expression: str
    size: int
    input_dtype: str | None = None
    zero_point: int = 0
