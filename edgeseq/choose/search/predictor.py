"""The predictor, as the search asks it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edgeseq.choose.budget import Cost
from edgeseq.choose.configuration import Configuration, TaskShape
from edgeseq.choose.search.target import Predict
from edgeseq.targets import OPTIMIZE_MODES, Core, Optimize


def predictor(shape: TaskShape, core: Core) -> tuple[Predict, dict[str, Any]]:
    """Return what predicts costs on this core, and its validation errors. Raises TargetError for a core it does not know."""
    from edgeseq.choose.prediction import predict

    def cost(network: Configuration, optimize: Optimize) -> Cost:
        return predict(network, shape, core, optimize).cost()

    errors: dict[str, Any] = {}
    for mode in OPTIMIZE_MODES:
        example = predict(Configuration((("gru", 8),)), shape, core, mode)
        errors[mode] = {"label": example.label, **asdict(example.errors)}
    return cost, errors
