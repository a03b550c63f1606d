"""The integer model."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseq.arith.matmul import Scheme
from edgeseq.arith.scale import Scale
from edgeseq.graph import Graph
from edgeseq.quantize.types.base import QuantInput, QuantLayer, walk
from edgeseq.quantize.types.recurrent import QuantRecurrent

# A window lies in RAM as a whole; the loops over it count in 16 bits on the smallest cores.
MAX_WINDOW_STEPS = 32767
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
        """The recurrent layers, in order, those inside other layers too."""
        return tuple(layer for layer in self.every_layer if isinstance(layer, QuantRecurrent))

    @property
    def every_layer(self) -> tuple[QuantLayer, ...]:
        """All layers, those inside others included; what carries anything, in the order of the state."""
        return tuple(walk(self.layers))

    @property
    def window_reason(self) -> str | None:
        """Why the model cannot run on a stream, naming the layer; None: it can."""
        for layer in self.layers:
            if layer.window_reason is not None:
                return f"layer {layer.name!r} {layer.window_reason}"
        return None

    @property
    def window_steps(self) -> int | None:
        """Time steps of the windows that the model maps to outputs; None: it runs on a stream."""
        return None if self.window_reason is None else self.source.time_steps
