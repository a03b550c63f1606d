"""The integer model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeseq.arith.matmul import Scheme
from edgeseq.arith.scale import Scale
from edgeseq.graph import Graph
from edgeseq.quantize.types.around import QuantResidual
from edgeseq.quantize.types.base import QuantInput, QuantLayer
from edgeseq.quantize.types.recurrent import QuantRecurrent

# Named in files and headers: a later mode must be told apart from this one.
ROUNDING_MODE = "half-up-on-tie-free-accumulators"


@dataclass(frozen=True, slots=True, eq=False)
class QuantGraph:
    """Integer twin of a Graph. source is that graph, kept for fidelity figures.

    scheme: of the layers that name none of their own. softmax: the float model ends in a
    softmax; the integer outputs are its logits.
    """

    name: str
    scheme: Scheme
    input: QuantInput
    layers: tuple[QuantLayer, ...]
    softmax: bool
    source: Graph

    @property
    def input_size(self) -> int:
        """Features of one time step."""
        return self.input.size

    @property
    def output_size(self) -> int:
        """Outputs of one time step."""
        return self.layers[-1].units

    @property
    def output_scale(self) -> Scale:
        """Real value of one output step."""
        return self.layers[-1].out_scale

    @property
    def recurrent(self) -> tuple[QuantRecurrent, ...]:
        """The recurrent layers, in order."""
        return tuple(layer for layer in self.every_layer if isinstance(layer, QuantRecurrent))

    @property
    def every_layer(self) -> tuple[QuantLayer, ...]:
        """All layers, those inside residual connections included; a connection comes behind its layers."""
        return tuple(_every(self.layers))


def _every(layers: tuple[QuantLayer, ...]) -> Iterator[QuantLayer]:
    for layer in layers:
        if isinstance(layer, QuantResidual):
            yield from _every(layer.body)
            yield from _every(layer.shortcut)
        yield layer
