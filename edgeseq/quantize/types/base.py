"""What every integer layer is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from edgeseq.arith.entry import affine, code_range
from edgeseq.arith.matmul import Operand, WeightBits, largest_code
from edgeseq.arith.scale import Scale

__all__ = ["Matvec", "Operand", "QuantInput", "QuantLayer", "QuantSameSize", "WeightBits"]


@dataclass(frozen=True, slots=True, eq=False)
class QuantInput:
    """How a raw time step becomes integers: ``q = round((x - mean) / std / scale) + zero_point``.

    mean, std: (features,), raw units. dtype int8: q in [-128, 127]. dtype int16: q in
    [-16384, 16383], so that its double is still an int16, and zero_point is 0.
    """

    dtype: Operand
    scale: Scale
    zero_point: int
    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]

    @property
    def size(self) -> int:
        """Features of one time step."""
        return int(self.mean.size)

    @property
    def code_range(self) -> tuple[int, int]:
        """Smallest and largest code."""
        return code_range(self.dtype)

    def affine(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return float32 (gain, offset) per feature: ``code = floor(raw * gain + offset + 0.5)``."""
        return affine(self.mean, self.std, self.scale, self.zero_point)


@dataclass(frozen=True, slots=True, eq=False)
class Matvec:
    """One quantised matrix. weight: int8 (rows, columns); bias: int32 (rows,); multiplier: int16 (rows,).

    bits: 8, weights in [-127, 127]; or 4, weights in [-7, 7], stored two per byte.
    """

    weight: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    multiplier: npt.NDArray[np.int16]
    shift: int
    bits: WeightBits = 8

    @property
    def rows(self) -> int:
        """Outputs."""
        return self.weight.shape[0]

    @property
    def columns(self) -> int:
        """Inputs."""
        return self.weight.shape[1]

    @property
    def largest_weight(self) -> int:
        """Largest magnitude that a weight of these bits may have."""
        return largest_code(self.bits)


@dataclass(frozen=True, slots=True, eq=False)
class QuantLayer(ABC):
    """One integer layer of the chain: int16 (batch, time, inputs) -> int16 (batch, time, units).

    The first layer of a model reads input codes instead. rearranges: the layer hands time steps on
    as they are, in another order or number, so that input codes stay input codes.
    """

    rearranges: ClassVar[bool] = False

    name: str

    @property
    @abstractmethod
    def units(self) -> int:
        """Outputs per time step."""

    @property
    @abstractmethod
    def out_scale(self) -> Scale:
        """Real value of one output step."""

    @property
    def carried_values(self) -> int:
        """int16 values of the layer itself that survive a step, in the C struct and in the oracle's states."""
        return 0

    @property
    @abstractmethod
    def matrices(self) -> tuple[Matvec, ...]:
        """All matrices, in the order of the file."""

    @property
    def window_reason(self) -> str | None:
        """Why the layer needs a whole window at once, or None; see `edgeseq.graph.layers.Layer`."""
        return None

    @property
    def chains(self) -> tuple[tuple[QuantLayer, ...], ...]:
        """Chains of layers inside this one."""
        return ()


@dataclass(frozen=True, slots=True, eq=False)
class QuantSameSize(QuantLayer):
    """A layer without matrices that gives as many values as it reads. size: values per time step; scale: of the output."""

    size: int
    scale: Scale

    @property
    def units(self) -> int:
        """As many as go in."""
        return self.size

    @property
    def out_scale(self) -> Scale:
        """The stored scale."""
        return self.scale

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """None."""
        return ()


def walk(layers: Sequence[QuantLayer]) -> Iterator[QuantLayer]:
    """Every layer, each before those inside it."""
    for layer in layers:
        yield layer
        for chain in layer.chains:
            yield from walk(chain)
