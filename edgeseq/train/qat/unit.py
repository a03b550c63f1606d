"""The unit that a task learns its targets in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """Real outputs are ``learnt * std + mean``. mean, std: float32 (outputs,); std > 0."""

    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]

    def learnt(self, real: Any) -> Any:
        """Real values (..., outputs), arrays or tensors, in the unit of learning."""
        return (real - self.mean) / self.std
