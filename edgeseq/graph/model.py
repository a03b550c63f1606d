"""The float model: a chain of layers and how its input is normalised."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgeseq.graph.around import Conv1D, DepthwiseConv1D, GlobalPool, macs_of_window, macs_through, past_steps, sizes_through
from edgeseq.graph.attention import SelfAttention
from edgeseq.graph.fixed import FixedTensor
from edgeseq.graph.layers import Layer, Normalization, Recurrent, walk


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A chain of layers, one time step in, one out; the state is part of the meaning.

    A model with a layer that needs a whole window (see `window_reason`) maps windows of
    time_steps steps to their outputs instead, and keeps nothing between them.

    input_size: features of one time step.
    returns_sequence: the model's output has a time axis. Otherwise its output is
    that of the last step of a window; a stream still yields one output a step.
    time_steps: the window length that the model was built with, or None.
    fixed_input: codes of the input that the model was trained with, or None.
    """

    name: str
    input_size: int
    normalization: Normalization | None
    layers: tuple[Layer, ...]
    returns_sequence: bool
    time_steps: int | None
    fixed_input: FixedTensor | None = field(default=None, kw_only=True)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Values per time step before each layer, and after the last."""
        return sizes_through(self.layers, self.input_size)

    @property
    def output_size(self) -> int:
        """Values that one step yields."""
        return self.sizes[-1]

    @property
    def recurrent(self) -> tuple[Recurrent, ...]:
        """The recurrent layers, in order."""
        return tuple(layer for layer in self.every_layer if isinstance(layer, Recurrent))

    @property
    def every_layer(self) -> tuple[Layer, ...]:
        """All layers, those inside others included, each before those inside it."""
        return tuple(walk(self.layers))

    @property
    def window_reason(self) -> str | None:
        """Why the model cannot run on a stream, naming the layer; None: it can."""
        for layer in self.layers:
            if layer.window_reason is not None:
                return f"layer {layer.name!r} {layer.window_reason}"
        return None

    @property
    def receptive_field(self) -> int:
        """Time steps that an output sees through convolutions, the present one included."""
        return 1 + past_steps(self.layers)

    @property
    def remembers(self) -> bool:
        """Whether any layer carries something from one time step to the next, or sees several."""
        return any(_remembers(layer) for layer in self.every_layer)

    @property
    def observed(self) -> tuple[str, ...]:
        """Names of the layers whose outputs show what a rounding does: what is recurrent, else what remembers."""
        names = tuple(layer.name for layer in self.recurrent)
        return names or tuple(layer.name for layer in self.every_layer if _remembers(layer))

    @property
    def parameters(self) -> int:
        """Trainable numbers: weights and biases."""
        return sum(array.size for layer in self.layers for array in layer.weights)

    @property
    def macs_per_step(self) -> int:
        """Multiply-accumulates of the matrix products of one time step; of a window's, the mean over its steps."""
        if self.window_reason is None or self.time_steps is None:
            return macs_through(self.layers, self.input_size)
        return round(macs_of_window(self.layers, self.input_size, self.time_steps) / self.time_steps)


def _remembers(layer: Layer) -> bool:
    return isinstance(layer, Recurrent | GlobalPool | SelfAttention) or (
        isinstance(layer, Conv1D | DepthwiseConv1D) and layer.taps > 1
    )
