"""The predictor, as the search asks it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edgeseq.choose.budget import Cost
from edgeseq.choose.configuration import Configuration, TaskShape
from edgeseq.choose.search.proposals.target import Predict
from edgeseq.targets import OPTIMIZE_MODES, Core, Optimize


def predictor(shape: TaskShape, core: Core) -> tuple[Predict, dict[str, Any]]:
    """Return what predicts costs on this core, and its validation errors.

    Errors are by mode and kind of network. Raises TargetError for a core it does not know.
    """
    from edgeseq.choose.prediction import predict
    from edgeseq.choose.prediction.fitted import load_fit

    def cost(network: Configuration, optimize: Optimize) -> Cost:
        return predict(network, shape, core, optimize).cost()

    errors: dict[str, Any] = {
        mode: {kind: {"label": found.label, **asdict(found)} for kind, found in load_fit(core.name, mode).errors.items()}
        for mode in OPTIMIZE_MODES
    }
    return cost, errors
