"""Integer layers around the recurrent ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeseq.arith.scale import Scale
from edgeseq.quantize.types.base import Matvec, Operand, QuantLayer, QuantSameSize


@dataclass(frozen=True, slots=True, eq=False)
class QuantWiden(QuantSameSize):
    """The model's input codes as an int16 tensor, without loss: ``(q - zero_point) << shift``.

    shift: for int8 codes 8 if the zero point is 0, else 7; 1 for int16 ones. scale: of the tensor.
    """

    shift: int


@dataclass(frozen=True, slots=True, eq=False)
class QuantResidual(QuantLayer):
    """``saturate(shift_right(body) + shift_right(shortcut))``: both sides at the scale of the sum.

    body, shortcut: chains that read the same tensor of `size` values; an empty one is that tensor.
    The shifts round as TFLite's QUANTIZE does (edgeseq.arith.product.shift_right), 0..30.
    """

    body: tuple[QuantLayer, ...]
    shortcut: tuple[QuantLayer, ...]
    body_shift: int
    shortcut_shift: int
    size: int
    scale: Scale

    @property
    def units(self) -> int:
        """Those of either side."""
        return self.body[-1].units if self.body else self.size

    @property
    def out_scale(self) -> Scale:
        """The stored scale."""
        return self.scale

    @property
    def chains(self) -> tuple[tuple[QuantLayer, ...], ...]:
        """Body and shortcut."""
        return self.body, self.shortcut

    @property
    def window_reason(self) -> str | None:
        """That of the first layer inside that has one."""
        return next((layer.window_reason for layer in (*self.body, *self.shortcut) if layer.window_reason is not None), None)

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """Those of the body, then those of the shortcut."""
        return tuple(matrix for layer in (*self.body, *self.shortcut) for matrix in layer.matrices)


@dataclass(frozen=True, slots=True, eq=False)
class QuantPool(QuantSameSize):
    """Mean or maximum of an int16 tensor since reset (edgeseq.arith.pooling), at the tensor's own scale."""

    function: Literal["average", "max"]

    @property
    def carried_values(self) -> int:
        """The largest values; or both halves of the sums, and their count."""
        return self.size if self.function == "max" else 2 * self.size + 1


@dataclass(frozen=True, slots=True, eq=False)
class QuantNormalize(QuantLayer):
    """``(x - mean) / sqrt(variance + epsilon)`` over the values of a step, in steps of ``2**-fraction_bits``.

    epsilon: in squared steps of x, times the number of values squared (edgeseq.arith.normalize).
    """

    size: int
    epsilon: int
    fraction_bits: int

    @property
    def units(self) -> int:
        """As many as go in."""
        return self.size

    @property
    def out_scale(self) -> Scale:
        """A power of two."""
        return Scale(1, -self.fraction_bits)

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """None."""
        return ()


@dataclass(frozen=True, slots=True, eq=False)
class QuantDelay(QuantLayer):
    """What a causal convolution sees: an int16 tensor `(taps - 1) * dilation`, ..., `dilation` and 0 steps ago, side by side.

    dtype: what is kept of past steps: int8, the tensor's top byte, which is read as `byte << 8`; or int16, all of it.
    The present step is read whole. scale: of the tensor. Before a stream's start it was 0.
    """

    size: int
    taps: int
    dilation: int
    dtype: Operand
    scale: Scale

    @property
    def units(self) -> int:
        """All taps."""
        return self.size * self.taps

    @property
    def history(self) -> int:
        """Time steps that are kept."""
        return (self.taps - 1) * self.dilation

    @property
    def out_scale(self) -> Scale:
        """The stored scale."""
        return self.scale

    @property
    def carried_values(self) -> int:
        """The ring, two bytes to a value, and its position."""
        values = self.history * self.size
        return (values if self.dtype == "int16" else -(-values // 2)) + 1

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """None."""
        return ()


@dataclass(frozen=True, slots=True, eq=False)
class QuantDepthwise(QuantLayer):
    """Every channel by itself: row ``channel * multiplier + j`` reads that channel of every tap.

    matvec: (channels * multiplier, taps); channels: values of one tap. activation, preactivation_shift and scale as a
    Dense layer's, and as there an int16 tensor enters as it is: ``acc = sum(w * q) + b``.
    """

    matvec: Matvec
    channels: int
    activation: Literal["linear", "relu", "sigmoid", "tanh"]
    preactivation_shift: int
    scale: Scale

    @property
    def units(self) -> int:
        """Number of outputs."""
        return self.matvec.rows

    @property
    def multiplier(self) -> int:
        """Outputs of one channel."""
        return self.matvec.rows // self.channels

    @property
    def out_scale(self) -> Scale:
        """The stored scale."""
        return self.scale

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """The one."""
        return (self.matvec,)


@dataclass(frozen=True, slots=True, eq=False)
class QuantEmbedding(QuantLayer):
    """``table[clamp(id)] << 8``: the int8 view of the result is the table's row. table: int8 (ids, units)."""

    table: npt.NDArray[np.int8]
    scale: Scale

    @property
    def units(self) -> int:
        """Columns of the table."""
        return self.table.shape[1]

    @property
    def out_scale(self) -> Scale:
        """The stored scale."""
        return self.scale

    @property
    def matrices(self) -> tuple[Matvec, ...]:
        """None: nothing is multiplied by it."""
        return ()
