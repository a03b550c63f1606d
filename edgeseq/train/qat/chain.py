"""Which float models can be prepared: a straight chain of known layers, or a refusal that names each layer's reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgeseq.errors import UnsupportedModelError
from edgeseq.train.qat.cells import CANDIDATE_FUNCTIONS, GATE_FUNCTIONS
from edgeseq.train.qat.layers.dense import ACTIVATIONS
from edgeseq.train.qat.plan import PLANNERS
from edgeseq.train.qat.plan_recurrent import RECURRENT

ALONE = ("Activation", "ReLU", "Softmax")
DENSE = ("Dense", "TimeDistributed")
_SUPPORTED = (
    f"supported: {', '.join(RECURRENT)}, Dense, TimeDistributed(Dense), Dropout, ReLU, a Normalization in front, a final Softmax"
)
# Settings of recurrent layers that change what a step computes, and their only value that has an integer form.
_SETTINGS: dict[str, Any] = {"go_backwards": False, "return_state": False, "stateful": False}
_FUNCTIONS = {"activation": CANDIDATE_FUNCTIONS, "recurrent_activation": GATE_FUNCTIONS}
_BOTH_WAYS = (
    "it reads the window from its end too, and only layers that read forward are trained with integers. Quantise the float "
    "model after training, or train with a layer that reads forward"
)


@dataclass(frozen=True, slots=True)
class Link:
    """One layer of the chain with the activation it applies, its own or that of the layer folded into it."""

    layer: Any
    activation: str = "linear"

    @property
    def kind(self) -> str:
        """Class name."""
        return type(self.layer).__name__


def read_chain(model: Any) -> tuple[Any | None, list[Link]]:
    """Return (Normalization in front or None, the layers behind it), or raise UnsupportedModelError."""
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    problems = [(layer, reason) for index, layer in enumerate(layers) for reason in _problems(layers, index)]
    problems += [(layer, "it is not one step of a straight chain; branches are not supported") for layer in _branches(model)]
    if problems or not any(type(layer).__name__ in RECURRENT for layer in layers):
        lines = [f"  layer {layer.name!r}: {reason}" for layer, reason in problems]
        lines = lines or [f"  it has no recurrent layer: {', '.join(RECURRENT)}"]
        raise UnsupportedModelError(
            f"model {model.name!r} cannot be prepared for quantisation-aware training\n" + "\n".join(lines)
        )
    normalization = layers.pop(0) if type(layers[0]).__name__ == "Normalization" else None
    links: list[Link] = []
    for layer in layers:
        link = Link(layer, _activation(layer))
        if links and _folds(links[-1], link):
            links[-1] = Link(links[-1].layer, link.activation)
        else:
            links.append(link)
    return normalization, links


def _branches(model: Any) -> list[Any]:
    """Return the layers of a Functional model that read something else than the one before them."""
    entries = model.get_config()["layers"]
    previous = [entry["config"]["name"] for entry in entries]
    wanted: list[set[str]] = [set(), *({name} for name in previous)]
    nodes = [entry.get("inbound_nodes") for entry in entries]
    return [
        layer
        for layer, node, names in zip(model.layers, nodes, wanted, strict=False)
        if node is not None and set(_sources(node)) != names
    ]


def _sources(node: Any) -> Iterator[str]:
    """Yield the names of the layers whose outputs an inbound node holds."""
    if isinstance(node, dict):
        history = node.get("config", {}).get("keras_history") if isinstance(node.get("config"), dict) else None
        if history:
            yield str(history[0])
            return
        for value in node.values():
            yield from _sources(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _sources(value)


def _problems(layers: list[Any], index: int) -> list[str]:
    """Return why the layer at that place cannot be prepared."""
    layer, kind = layers[index], type(layers[index]).__name__
    found = []
    if kind == "Normalization" and index:
        found.append("Normalization is only supported as the first layer")
    elif kind == "Bidirectional":
        found.append(_BOTH_WAYS)
    elif kind == "TimeDistributed" and type(layer.layer).__name__ != "Dense":
        found.append(f"TimeDistributed({type(layer.layer).__name__}); only a Dense layer may be inside")
    elif kind != "Normalization" and kind not in PLANNERS:
        already = "it is quantisation-aware already" if kind.startswith("Qat") else f"{kind} has no quantisation-aware form"
        found.append(f"{already}; {_SUPPORTED}")
    if _activation(layer) == "softmax" and any(type(later).__name__ != "Dropout" for later in layers[index + 1 :]):
        found.append("a softmax is only supported as the last layer")
    return found + _settings_problems(layer) + _activation_problems(layers, index)


def _settings_problems(layer: Any) -> list[str]:
    if type(layer).__name__ not in RECURRENT:
        return []
    config = layer.get_config()
    found = [
        f"{key}={config[key]!r}; only {wanted!r} has a quantisation-aware form"
        for key, wanted in _SETTINGS.items()
        if config.get(key, wanted) != wanted
    ]
    for key, allowed in _FUNCTIONS.items():
        if key in config and config[key] not in allowed:
            unbounded = key == "recurrent_activation" and config[key] in CANDIDATE_FUNCTIONS
            why = "gates are trained as shares between 0 and 1; " if unbounded else ""
            found.append(f"{key}={config[key]!r}; {why}expected one of {', '.join(allowed)}")
    return found


def _activation_problems(layers: list[Any], index: int) -> list[str]:
    layer, activation = layers[index], _activation(layers[index])
    kind, config = type(layer).__name__, layer.get_config()
    if kind in DENSE and activation not in ACTIVATIONS:
        return [f"activation={activation!r}; expected one of {', '.join(ACTIVATIONS)}"]
    if kind not in ALONE:
        return []
    if any(config.get(key) for key in ("max_value", "negative_slope", "threshold")):
        return ["only the plain ReLU has an integer form: no max_value, negative_slope or threshold"]
    before = Link(layers[index - 1], _activation(layers[index - 1])) if index else None
    if (before and _folds(before, Link(layer, activation))) or activation in ("relu", "softmax", "linear"):
        return []
    return [f"{activation!r} standing alone; only relu and softmax may. Put it on a Dense layer"]


def _activation(layer: Any) -> str:
    match type(layer).__name__:
        case "ReLU":
            return "relu"
        case "Softmax":
            return "softmax"
        case "Dense" | "Activation":
            return str(layer.get_config()["activation"])
        case "TimeDistributed":
            return _activation(layer.layer)
        case _:
            return "linear"


def _folds(before: Link, link: Link) -> bool:
    """Whether an activation layer becomes part of the linear Dense layer before it."""
    stands_alone = link.kind in ALONE and link.activation in ACTIVATIONS
    return stands_alone and before.kind in DENSE and before.activation == "linear"
