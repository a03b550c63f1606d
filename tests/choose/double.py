"""A stand-in for the predictor: weights as they are, and round figures for the rest."""

from __future__ import annotations

from edgeseq.choose.budget import Cost
from edgeseq.choose.configuration import Configuration, TaskShape

GATES = {"rnn": 1, "gru": 3, "lstm": 4, "fastgrnn": 1, "mgu": 2, "mingru": 2, "tcn": 6, "transformer": 8}


def predictor(shape: TaskShape):
    """Larger with units and layers, smaller with 4-bit weights and with kernels for size."""

    def predict(network: Configuration, optimize: str) -> Cost:
        weights, size = 0, shape.features
        for cell, units in network.layers:
            weights += GATES[cell] * units * (size + units + 6)
            size = units
        weights += size * shape.outputs
        bits = 4 if "x4" in network.scheme else 8
        code = 9000 if optimize == "speed" else 5000
        state = sum(4 * units for _, units in network.layers)
        slow = 1 if optimize == "speed" else 2
        return Cost(code + weights * bits / 8, 600 + state, slow * 4.0 * weights, slow * 6.0 * weights)

    return predict
