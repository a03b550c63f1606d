"""Activation names of Keras -> functions of the graph."""

from __future__ import annotations

import math
from typing import Any, get_args

from edgeseq.frontend.handlers.chain import Chain, Refusal
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph.layers import CellFunction
from edgeseq.graph.reference.activations import FUNCTIONS

CELL_FUNCTIONS = tuple(name for name in get_args(CellFunction) if name != "hard_sigmoid_keras2")
# Names that mean another entry of FUNCTIONS, with its parameters.
ALIASES: dict[str, tuple[str, tuple[float, ...]]] = {
    "swish": ("silu", ()),
    "hard_swish": ("hard_silu", ()),
    "relu6": ("rectified", (6.0, 0.0, 0.0)),
    "leaky_relu": ("rectified", (math.inf, 0.2, 0.0)),
}
NAMES = tuple(name for name in (*FUNCTIONS, *ALIASES) if name not in ("rectified", "hard_sigmoid_keras2"))
REFUSED_FUNCTIONS = {
    "log_softmax": "use softmax, or leave the logits and take the logarithm on the float side",
    "sparsemax": "use softmax, which runs on the float side",
    "glu": "it halves the number of values; write it as two Dense layers",
    "hard_shrink": "it jumps, which no interpolated table follows; use soft_shrink",
    "threshold": "it jumps, which no interpolated table follows; use keras.layers.ReLU(threshold=...)",
}


def function_of(layer: SourceLayer, chain: Chain, key: str, default: str) -> tuple[str, tuple[float, ...]] | Refusal:
    """Return (name in FUNCTIONS, parameters) of the activation that the config names under `key`."""
    name: Any = layer.config.get(key, default)
    if name is None:
        name = "linear"
    if not isinstance(name, str):
        return Refusal(layer.name, f"{key} is an object of its own; give one by name, or a layer behind this one")
    if name == "hard_sigmoid":
        if chain.keras_major is None:
            return Refusal(
                layer.name,
                f"{key}='hard_sigmoid' has another slope in Keras 2 than in Keras 3, and nothing says which one made the "
                "file; save it again with model.save()",
            )
        return ("hard_sigmoid" if chain.keras_major >= 3 else "hard_sigmoid_keras2"), ()
    if name == "hard_sigmoid_keras2":  # no name of Keras', but of a reader that knows the slope
        return name, ()
    if name in NAMES:
        return ALIASES.get(name, (name, ()))
    reason = REFUSED_FUNCTIONS.get(name, f"expected one of {', '.join(NAMES)}")
    return Refusal(layer.name, f"{key}={name!r} has no integer form: {reason}")


def cell_function(layer: SourceLayer, chain: Chain, key: str, default: str) -> CellFunction | Refusal:
    """The same for a function inside a recurrent cell."""
    found = function_of(layer, chain, key, default)
    if isinstance(found, Refusal):
        return found
    for known in get_args(CellFunction):
        if known == found[0]:
            function: CellFunction = known
            return function
    return Refusal(
        layer.name,
        f"{key}={layer.config.get(key)!r} has no integer form inside a cell; expected one of {', '.join(CELL_FUNCTIONS)}",
    )


def number(value: Any) -> float | None:
    """A finite number of a config, or None."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None
