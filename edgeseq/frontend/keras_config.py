"""A Keras model config (Sequential or linear Functional) -> ordered layer configs.

Reads the JSON alone. Nothing named in it is imported or called.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeseq.errors import ModelError, UnsupportedModelError
from edgeseq.frontend.source import Config


def ordered_layers(model: Any, origin: str) -> tuple[str, list[tuple[str, str, Config]]]:
    """Return (model name, [(layer name, class name, config)]) in the order data flows."""
    if not isinstance(model, dict):
        raise ModelError(f"{origin}: the model config is a {type(model).__name__}; expected a JSON object")
    kind, config = model.get("class_name"), model.get("config")
    if isinstance(config, list):  # Keras 2.2 and older stored a Sequential's layers bare
        config = {"name": "model", "layers": config}
    if not isinstance(config, dict):
        raise ModelError(f"{origin}: the model config has no 'config' object")
    entries = config.get("layers")
    if not isinstance(entries, list) or not entries:
        if kind in ("Sequential", "Functional", "Model"):
            raise ModelError(f"{origin}: the {kind} model has no layers")
        raise UnsupportedModelError(
            f"{origin}: a subclassed model ({kind!r}) stores no layer graph. "
            "Rebuild it as keras.Sequential or a linear keras.Model and save that."
        )
    name = str(config.get("name", "model"))
    layers = [_entry(entry, origin) for entry in entries]
    if kind == "Sequential":
        return name, [(layer_name, class_name, cfg) for layer_name, class_name, cfg, _ in layers]
    return name, _chain(layers, origin)


def _entry(entry: Any, origin: str) -> tuple[str, str, Config, list[str]]:
    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict) or "class_name" not in entry:
        raise ModelError(f"{origin}: a layer entry lacks 'class_name' or 'config'")
    config = entry["config"]
    name = str(config.get("name") or entry.get("name") or entry["class_name"])
    return name, _class_name(entry), config, list(_sources(entry.get("inbound_nodes", [])))


def _class_name(entry: Config) -> str:
    """Of a layer: as it is for Keras' own and edgeseq's compact cells, with its package for anyone else's.

    Keras 3 registers foreign classes by 'package>name', so that another GRU is never taken for Keras'.
    """
    name = entry.get("registered_name") or entry["class_name"]
    return str(name).removeprefix("edgeseq>")


def _sources(node: Any) -> Iterator[str]:
    """Yield the names of the layers whose outputs appear anywhere in an inbound-node entry.

    Keras 3 writes {"keras_history": [name, node, tensor]}; Keras 2 writes [name, node, tensor, {...}].
    """
    if isinstance(node, dict):
        history = node.get("keras_history")
        if isinstance(history, list | tuple) and history:
            yield str(history[0])
        else:
            for value in node.values():
                yield from _sources(value)
    elif isinstance(node, list | tuple):  # tuples in a live config
        if len(node) in (3, 4) and isinstance(node[0], str) and all(isinstance(i, int) for i in node[1:3]):
            yield node[0]
            node = node[3:]  # Keras 2 keeps keyword tensors (initial_state) in the 4th place
        for value in node:
            yield from _sources(value)


def _chain(layers: list[tuple[str, str, Config, list[str]]], origin: str) -> list[tuple[str, str, Config]]:
    """Order a Functional model's layers; refuse anything that is not one straight line."""
    way_out = "Only a straight chain of layers is supported; split the model at the branch."
    starts = [layer for layer in layers if not layer[3]]
    if len(starts) != 1:
        raise UnsupportedModelError(f"{origin}: the model has {len(starts)} inputs. {way_out}")
    followers: dict[str, tuple[str, str, Config, list[str]]] = {}
    for layer in layers:
        if len(layer[3]) > 1:
            raise UnsupportedModelError(
                f"{origin}: layer {layer[0]!r} ({layer[1]}) takes {len(layer[3])} inputs ({', '.join(layer[3])}). {way_out}"
            )
        for source in layer[3]:
            if source in followers:
                raise UnsupportedModelError(
                    f"{origin}: the output of layer {source!r} is used twice "
                    f"(by {followers[source][0]!r} and {layer[0]!r}). {way_out}"
                )
            followers[source] = layer
    ordered = [starts[0]]
    while ordered[-1][0] in followers and len(ordered) <= len(layers):
        ordered.append(followers[ordered[-1][0]])
    if len(ordered) != len(layers):
        raise UnsupportedModelError(f"{origin}: not all layers are on the path from the input. {way_out}")
    return [(name, class_name, config) for name, class_name, config, _ in ordered]
