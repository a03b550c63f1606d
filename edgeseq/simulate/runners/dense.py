"""Layers that look at one time step alone."""

from __future__ import annotations

from edgeseq.quantize.types import QuantDense
from edgeseq.simulate.runners.base import Int, Products, Runner
from edgeseq.simulate.runners.functions import apply


class DenseRunner(Runner[QuantDense]):
    """Twin: es_dense_s8.c, es_dense_s16.c, es_activate_s16.c."""

    def __init__(self, layer: QuantDense, batch: int, zero_point: int | None) -> None:
        self.products = Products(layer.matvec)
        super().__init__(layer, batch, zero_point)

    def run(self, x: Int) -> Int:
        """int8 codes enter doubled, any int16 as it is."""
        narrow = self.layer.input_dtype == "int8"
        out = self.products.doubled(self.operand(x, "int8")) if narrow else self.products.plain(x)
        return apply(self.layer.activation, out, self.layer.preactivation_shift)
