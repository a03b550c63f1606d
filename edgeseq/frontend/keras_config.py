"""A Keras model config (Sequential, or Functional whose branches meet again in Add) -> ordered layer configs.

Reads the JSON alone. Nothing named in it is imported or called.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from edgeseq.errors import ModelError, UnsupportedModelError
from edgeseq.frontend.source import Config, SourceLayer

_WAY_OUT = (
    "Only a straight chain of layers, or one whose branches meet again in Add (two at a time), is supported; "
    "split the model at the branch."
)
# More than any network for a small machine; bounds the time that a hostile file can take.
MAX_LAYERS = 2000
# Where a layer's config says what else it was called with.
CALLED_WITH = "called_with"
ATTENTION_OPTIONS = ("attention_mask", "query_mask", "value_mask", "key_mask", "use_causal_mask", "return_attention_scores")


class ModelLayers(NamedTuple):
    """name: of the model; chain: its layers in the order data flows, without weights.

    stored: class and name of every layer in the file's order.
    """

    name: str
    chain: list[SourceLayer]
    stored: list[tuple[str, str]]


def ordered_layers(model: Any, origin: str) -> ModelLayers:
    """Return the layers of a model config."""
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
    stored = [(node.layer.class_name, node.layer.name) for node in layers]
    if kind == "Sequential":
        return ModelLayers(name, [node.layer for node in layers], stored)
    return ModelLayers(name, series_parallel(layers, origin), stored)


class LayerNode(NamedTuple):
    """A layer and the names of those it reads, one per input."""

    layer: SourceLayer
    sources: list[str]


def _entry(entry: Any, origin: str) -> LayerNode:
    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict) or "class_name" not in entry:
        raise ModelError(f"{origin}: a layer entry lacks 'class_name' or 'config'")
    config: Config = entry["config"]
    name = str(config.get("name") or entry.get("name") or entry["class_name"])
    kind, nodes = _class_name(entry), entry.get("inbound_nodes", [])
    sources = list(_sources(nodes))
    if kind == "MultiHeadAttention":
        # Query, key and value of self-attention are one tensor.
        sources = list(dict.fromkeys(sources))
        config = config | {CALLED_WITH: sorted(set(_options(nodes)))}
    return LayerNode(SourceLayer(name, kind, config), sources)


def _class_name(entry: Config) -> str:
    """Of a layer: as it is for Keras' own and edgeseq's compact cells, with its package for anyone else's.

    Keras 3 registers foreign classes by 'package>name', so that another GRU is never taken for Keras'.
    """
    name = entry.get("registered_name") or entry["class_name"]
    return str(name).removeprefix("edgeseq>")


def _options(node: Any) -> Iterator[str]:
    """Yield the names of the call's options that change what attention computes, as far as they are set."""
    values: Any = node.values() if isinstance(node, dict) else node if isinstance(node, list | tuple) else ()
    if isinstance(node, dict):
        yield from (name for name in ATTENTION_OPTIONS if node.get(name) not in (None, False))
    for value in values:
        yield from _options(value)


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


@dataclass(slots=True)
class _Edge:
    """A way from one layer to another; chain: what lies between them."""

    start: str
    end: str
    chain: list[SourceLayer]


def series_parallel(nodes: list[LayerNode], origin: str) -> list[SourceLayer]:
    """Order a Functional model's layers, two branches that meet in Add as one layer; refuse any other shape.

    Series-parallel reduction (Valdes, Tarjan and Lawler 1982): a layer with one way in and one out joins
    them, and two ways between the same layers that end in Add become its branches.
    """
    by_name = {node.layer.name: node.layer for node in nodes}
    if len(by_name) != len(nodes) or len(nodes) > MAX_LAYERS:
        raise ModelError(f"{origin}: {len(nodes)} layers of {len(by_name)} names; expected at most {MAX_LAYERS}, each of its own")
    starts = [node for node in nodes if not node.sources]
    if len(starts) != 1:
        raise UnsupportedModelError(f"{origin}: the model has {len(starts)} inputs. {_WAY_OUT}")
    edges = [_Edge(source, node.layer.name, []) for node in nodes for source in node.sources]
    _refuse_joins(nodes, origin)
    changed = True
    while changed:
        changed = False
        for name, layer in by_name.items():
            into = [edge for edge in edges if edge.end == name]
            out = [edge for edge in edges if edge.start == name]
            if len(into) == 2 and into[0].start == into[1].start:
                by_name[name] = replace(layer, branches=(tuple(into[0].chain), tuple(into[1].chain)))
                into[0].chain = []
                edges = [edge for edge in edges if edge is not into[1]]
                changed = True
                break
            if len(into) == len(out) == 1 and into[0] is not out[0]:
                into[0].chain = [*into[0].chain, layer, *out[0].chain]
                into[0].end = out[0].end
                edges = [edge for edge in edges if edge is not out[0]]
                del by_name[name]
                changed = True
                break
    first = starts[0].layer
    if len(nodes) == 1:
        return [first]
    if len(edges) != 1 or edges[0].start != first.name or len(by_name) != 2:
        _refuse_rest(edges, by_name, origin)
    return [first, *edges[0].chain, by_name[edges[0].end]]


def _refuse_joins(nodes: list[LayerNode], origin: str) -> None:
    for layer, sources in nodes:
        if layer.class_name == "MultiHeadAttention" and len(sources) > 1:
            raise UnsupportedModelError(
                f"{origin}: layer {layer.name!r} attends to {len(sources)} tensors ({', '.join(sources)}); "
                "only self-attention is supported: the same tensor as query, key and value"
            )
        if len(sources) > 1 and (layer.class_name != "Add" or len(sources) != 2):
            raise UnsupportedModelError(
                f"{origin}: layer {layer.name!r} ({layer.class_name}) takes {len(sources)} inputs "
                f"({', '.join(sources)}). {_WAY_OUT}"
            )


def _refuse_rest(edges: list[_Edge], by_name: dict[str, SourceLayer], origin: str) -> None:
    """Name a layer that no reduction could remove."""
    for name in by_name:
        users = [edge.chain[0].name if edge.chain else edge.end for edge in edges if edge.start == name]
        if len(users) > 1:
            used = " and ".join(repr(user) for user in users[:2])
            raise UnsupportedModelError(
                f"{origin}: the output of layer {name!r} is used {'twice' if len(users) == 2 else f'{len(users)} times'} "
                f"(by {used}). {_WAY_OUT}"
            )
    raise UnsupportedModelError(f"{origin}: not all layers are on the path from the input. {_WAY_OUT}")
