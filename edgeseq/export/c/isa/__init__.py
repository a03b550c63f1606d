"""Families of cores that have fast kernels: how each packs weights. Kernels: firmware_templates/kernels/fast."""

from edgeseq.export.c.isa.avr import Avr
from edgeseq.export.c.isa.base import Isa, Packed, Rows
from edgeseq.export.c.isa.compact import Compact
from edgeseq.export.c.isa.dsp import Dsp
from edgeseq.export.c.isa.mve import Mve
from edgeseq.export.c.isa.scalar import Scalar
from edgeseq.export.c.isa.simd import Simd
from edgeseq.export.c.isa.thumb1 import Thumb1

# Register in a list a reader can see; the names are folders of firmware_templates/kernels/fast.
FAMILIES: dict[str, Isa] = {
    "avr": Avr(),
    "compact": Compact(),
    "dsp": Dsp(),
    "mve": Mve(),
    "scalar": Scalar(),
    "simd": Simd(),
    "thumb1": Thumb1(),
}

__all__ = ["FAMILIES", "Isa", "Packed", "Rows"]
