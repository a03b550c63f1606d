"""Which integer layer the C exporter prints how: every type has a line, or a reason why not."""

from __future__ import annotations

from edgeseq.export.c import fast
from edgeseq.export.c.isa import FAMILIES
from edgeseq.export.c.portable import PLANNERS
from edgeseq.quantize.types import (
    QuantAttention,
    QuantBidirectional,
    QuantDense,
    QuantLastStep,
    QuantLayer,
    QuantResidual,
    QuantReverse,
)

# Layers that are no kernel of their own.
STRUCTURES: dict[type[QuantLayer], str] = {
    QuantResidual: "its two sides, then a sum",
    QuantReverse: "a loop over the window from its end",
    QuantLastStep: "the last turn of a loop over the window",
    QuantBidirectional: "two loops over the window, then a merge",
    QuantAttention: "Dense layers in loops over the window, then one kernel",
}


def portable_support(layer: type[QuantLayer]) -> str | None:
    """How any C99 compiler gets this layer, or None if it is not exported."""
    return "a kernel" if layer in PLANNERS else STRUCTURES.get(layer)


def fast_support(layer: type[QuantLayer]) -> str:
    """Which families of fast kernels run this layer."""
    if fast.PLANNERS.get(layer) in (None, fast.plan_compact):
        return "left to the portable kernels"
    wide = [name for name, isa in FAMILIES.items() if isa.wide_state]
    narrow = [name for name, isa in FAMILIES.items() if 4 in isa.weight_bits]
    if layer is QuantDense:
        return f"{', '.join(FAMILIES)}; 8-bit weights"
    sparse = [name for name, isa in FAMILIES.items() if isa.sparse_block is not None]
    parts = {"15-bit states": wide, "4-bit weights": narrow, "no zero blocks": sparse}
    return "; ".join([", ".join(FAMILIES), *(f"{what}: {', '.join(names)}" for what, names in parts.items())])
