"""Families of cores that have fast kernels: how each packs weights. Kernels: firmware_templates/kernels/fast."""

from edgeseq.export.c.isa.base import Isa, Packed, Rows
from edgeseq.export.c.isa.dsp import Dsp
from edgeseq.export.c.isa.scalar import Scalar
from edgeseq.export.c.isa.simd import Simd

# Register in a list a reader can see; the names are folders of firmware_templates/kernels/fast.
FAMILIES: dict[str, Isa] = {"dsp": Dsp(), "scalar": Scalar(), "simd": Simd()}

__all__ = ["FAMILIES", "Isa", "Packed", "Rows"]
