"""Graph + calibration data -> QuantGraph, the one set of integers that everything runs from."""

from edgeseq.quantize.convert import quantize
from edgeseq.quantize.esq import read_esq, write_esq
from edgeseq.quantize.types import QuantGraph

__all__ = ["QuantGraph", "quantize", "read_esq", "write_esq"]
