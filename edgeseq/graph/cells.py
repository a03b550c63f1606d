"""Compact recurrent layers: fewer gates than a GRU, fewer matrices, or matrices of low rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edgeseq.graph.layers import CellFunction, FloatArray, PairRecurrent, Recurrent


@dataclass(frozen=True, slots=True, eq=False)
class Mgu(PairRecurrent):
    """Minimal gated unit (Zhou et al. 2016, arXiv 1603.09420). Gate order f, candidate. bias: (2*units,).

    ``f = sigmoid(x Wf + h Uf + bf); c = tanh(x Wc + (f * h) Uc + bc); h' = (1 - f) * h + f * c``
    """

    candidate: ClassVar[int] = 1

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """Gate, candidate."""
        return "sigmoid", "tanh"

    @property
    def bounded(self) -> bool:
        """H' lies between h and c."""
        return True


@dataclass(frozen=True, slots=True, eq=False)
class MinGru(Recurrent):
    """minGRU (Feng et al. 2024, arXiv 2410.01201). Gate order z, candidate. kernel: (inputs, 2*units); bias: (2*units,).

    ``z = sigmoid(x Wz + bz); c = x Wh + bh; h' = (1 - z) * h + z * c``
    """

    candidate: ClassVar[int] = 1

    kernel: FloatArray
    bias: FloatArray

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.kernel.shape[1] // 2

    @property
    def inputs(self) -> int:
        """Rows of the kernel."""
        return self.kernel.shape[0]

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """Kernel, bias."""
        return self.kernel, self.bias

    def macs_per_step(self, inputs: int) -> int:
        """The kernel, once."""
        return self.kernel.size

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """Gate, candidate."""
        return "sigmoid", "linear"

    @property
    def bounded(self) -> bool:
        """The candidate is linear."""
        return False


@dataclass(frozen=True, slots=True, eq=False)
class FastGrnn(Recurrent):
    """FastGRNN (Kusupati et al. 2018, arXiv 1901.02358): one product for gate and candidate.

    ``s = x W + h U; z = sigmoid(s + bz); c = tanh(s + bh); h' = z * h + (zeta * (1 - z) + nu) * c``

    kernels: W (inputs, units), or W1 (inputs, rank) and W2 (rank, units), whose product it is; recurrent_kernels: U
    alike. bias: (2, units), rows bz and bh. zeta, nu: (1,), in [0, 1].
    """

    candidate: ClassVar[int] = 0

    kernels: tuple[FloatArray, ...]
    recurrent_kernels: tuple[FloatArray, ...]
    bias: FloatArray
    zeta: FloatArray
    nu: FloatArray

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.kernels[-1].shape[1]

    @property
    def inputs(self) -> int:
        """Rows of the kernel, or of its first factor."""
        return self.kernels[0].shape[0]

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """Kernels, recurrent kernels, bias, zeta, nu."""
        return *self.kernels, *self.recurrent_kernels, self.bias, self.zeta, self.nu

    def macs_per_step(self, inputs: int) -> int:
        """All matrices, once."""
        return sum(kernel.size for kernel in (*self.kernels, *self.recurrent_kernels))

    @property
    def functions(self) -> tuple[CellFunction, ...]:
        """Both read one sum at the table's scale."""
        return ("tanh",)

    @property
    def bounded(self) -> bool:
        """Nu adds to the share that 1 - z leaves."""
        return False
