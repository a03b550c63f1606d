"""Layers that apply a function to single values."""

from __future__ import annotations

import numpy as np

from edgeseq.arith.lookup import lookup
from edgeseq.arith.piecewise import rectify
from edgeseq.quantize.types import QuantLookup, QuantRectify, QuantRelu
from edgeseq.simulate.runners.base import Int, Runner


class ReluRunner(Runner[QuantRelu]):
    """Twin: es_activate_s16.c."""

    def run(self, x: Int) -> Int:
        """Clamp at zero."""
        return np.maximum(x, 0)


class RectifyRunner(Runner[QuantRectify]):
    """Twin: es_rectify_s16.c."""

    def run(self, x: Int) -> Int:
        """Straight pieces."""
        return rectify(x, self.layer.threshold, self.layer.limit, self.layer.slope)


class LookupRunner(Runner[QuantLookup]):
    """Twin: es_lookup_s16.c."""

    def run(self, x: Int) -> Int:
        """Interpolate."""
        return lookup(x, self.layer.table)
