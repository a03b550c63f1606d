"""Training with the integers themselves: `prepare` a float model, fit it, export exactly what was trained.

Nothing here imports Keras before one of these names is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeseq.train.qat.distill import Distillation, Distiller
    from edgeseq.train.qat.fit import FineTuned, QatRecipe, fine_tune
    from edgeseq.train.qat.preparation import prepare
    from edgeseq.train.qat.prune import Prune, Pruning
    from edgeseq.train.qat.reading import load
    from edgeseq.train.qat.rescale import Rescale

_HOMES = {
    "Distillation": "distill",
    "Distiller": "distill",
    "FineTuned": "fit",
    "Prune": "prune",
    "Pruning": "prune",
    "QatRecipe": "fit",
    "Rescale": "rescale",
    "fine_tune": "fit",
    "load": "reading",
    "prepare": "preparation",
}

__all__ = [
    "Distillation",
    "Distiller",
    "FineTuned",
    "Prune",
    "Pruning",
    "QatRecipe",
    "Rescale",
    "fine_tune",
    "load",
    "prepare",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'edgeseq.train.qat' has no attribute {name!r}")
    return getattr(importlib.import_module(f"edgeseq.train.qat.{home}"), name)
