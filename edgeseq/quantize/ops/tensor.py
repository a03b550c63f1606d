"""What a conversion knows of the tensor that a layer reads, and of how the layer is to be quantised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeseq.arith.matmul import MatmulInput, doubled_input, whole_input
from edgeseq.arith.scale import Scale
from edgeseq.errors import CalibrationError
from edgeseq.graph import FixedTensor, Layer
from edgeseq.quantize.calibrate import Calibration
from edgeseq.quantize.types import SCHEME_PARTS, Operand, Scheme, WeightBits


@dataclass(frozen=True, slots=True)
class Tensor:
    """The tensor between two layers: the model's input, or int16 after the first layer.

    scale: of the tensor itself; bound: largest real magnitude it can ever hold;
    input_dtype, zero_point: of the model's input; None and 0 for a tensor between layers.
    """

    size: int
    scale: Scale
    bound: float
    input_dtype: Operand | None = None
    zero_point: int = 0

    @property
    def widened(self) -> Tensor:
        """The model's input as an int16 tensor."""
        return Tensor(self.size, self.scale.times_power_of_two(-self.widening_shift), self.bound)

    @property
    def widening_shift(self) -> int:
        """Steps of that tensor that one input code is worth, as a power of two: both ends of the codes fit."""
        if self.input_dtype == "int16":
            return 1
        return 8 if self.zero_point == 0 else 7

    def doubled(self, operand: Operand) -> MatmulInput:
        """How a layer with doubled products reads it: the input's codes, or part of an int16."""
        return doubled_input(self.scale, operand, self.input_dtype, self.zero_point)

    def check(self, layer: Layer, trained: FixedTensor) -> None:
        """Raise CalibrationError unless this is the tensor that the layer was trained to read."""
        here = FixedTensor(self.scale, self.input_dtype, self.zero_point)
        if here != trained:
            raise CalibrationError(
                f"layer {layer.name!r} was trained to read {trained}, and the layer before it gives {here}. "
                "Prepare and train the whole model together"
            )

    @property
    def whole(self) -> MatmulInput:
        """How a Dense layer reads it: int8 codes doubled, any int16 as it is."""
        return whole_input(self.scale, self.input_dtype, self.zero_point)


@dataclass(frozen=True, slots=True)
class Settings:
    """How to quantise the layers of one graph.

    scheme: of every layer that `layers` does not name. Dense layers keep 8-bit weights under a 4-bit scheme
    unless they are named: they are a few per cent of the weights, and read at every output.
    scales: that the outputs of single layers shall have, by name: of a branch that ends in a sum.
    """

    ranges: Calibration
    scheme: Scheme
    layers: Mapping[str, Scheme] = field(default_factory=dict)
    scales: Mapping[str, Scale] = field(default_factory=dict)

    def operand(self, layer: Layer) -> Operand:
        """How int16 tensors enter the layer's products."""
        return SCHEME_PARTS[self.layers.get(layer.name, self.scheme)][0]

    def bits(self, layer: Layer, *, head: bool = False) -> WeightBits:
        """Bits of the layer's weights. head: it is a Dense layer."""
        if head and layer.name not in self.layers:
            return 8
        return SCHEME_PARTS[self.layers.get(layer.name, self.scheme)][1]
