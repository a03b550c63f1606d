"""Integer self-attention."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseq.arith.scale import Scale
from edgeseq.quantize.types.base import Matvec, QuantLayer
from edgeseq.quantize.types.dense import QuantDense


@dataclass(frozen=True, slots=True, eq=False)
class QuantAttention(QuantLayer):
    """Projections with int16 results, then per head and pair of steps the rules of edgeseq.arith.attention.

    * ``score = requantize(sum(query * clip(key)), multiplier, shift)``, base-2 logarithms in steps of
      2**-fraction_bits; a key has key_bits bits and its sign, so that the sum fits int32;
    * the softmax' weights of a row, and the values' mean under them, at the values' own scale.
    """

    query: QuantDense
    key: QuantDense
    value: QuantDense
    output: QuantDense
    heads: int
    key_bits: int
    multiplier: int
    shift: int
    fraction_bits: int

    @property
    def window_reason(self) -> str | None:
        """The first step looks at the last."""
        return "looks at all time steps of the window at once"

    @property
    def projections(self) -> tuple[QuantDense, ...]:
        """Query, key, value, output."""
        return self.query, self.key, self.value, self.output

    @property
    def chains(self) -> tuple[tuple[QuantLayer, ...], ...]:
        """The projections; the last reads the contexts."""
        return tuple((layer,) for layer in self.projections)

    @property
    def units(self) -> int:
        """Those of the output projection."""
        return self.output.units

    @property
    def out_scale(self) -> Scale:
        """That of the output projection."""
        return self.output.out_scale

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """Those of the projections."""
        return tuple(matrix for layer in self.projections for matrix in layer.matrices)
