"""Bidirectional layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from edgeseq.frontend.handlers.chain import Chain, Handler, Refusal
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Bidirectional, LastStep, Layer, MergeMode, Reverse

MERGE_MODES = ("concat", "sum", "mul", "ave")


def last_step(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """A stream yields every step; a window's result is its last one."""
    chain.has_time_axis = False
    return None


def reverse(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """The window's last step first."""
    if not chain.has_time_axis:
        return Refusal(layer.name, "the layer before returns only its last step, so there is nothing to turn round")
    chain.layers.append(Reverse(layer.name))
    return "needs a whole window: the model cannot stream"


def bidirectional(cells: Mapping[str, Handler]) -> Handler:
    """Return the handler of a layer whose halves are read by `cells`, by class name."""

    def handle(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
        merge = layer.config.get("merge_mode", "concat")
        sources = _refusal(layer, chain) or _halves(layer, cells)
        if isinstance(sources, Refusal):
            return sources
        sequences = [bool(source.config.get("return_sequences", False)) for source in sources]
        halves: list[tuple[Layer, ...]] = []
        sizes, notes = [], []
        for source in sources:
            inner = Chain(features=chain.features, keras_major=chain.keras_major)
            outcome = cells[source.class_name](source, inner)
            if isinstance(outcome, Refusal):
                return Refusal(layer.name, f"its {source.name.rpartition('/')[2]} half: {outcome.reason}")
            notes += ["dropout is train-time only; it is ignored at inference"] if outcome and "dropout" in outcome else []
            halves.append(_complete(inner.layers, source, flipped=source is sources[1], sequences=sequences[0]))
            sizes.append(cast("int", inner.features))
        if merge != "concat" and sizes[0] != sizes[1]:
            return Refusal(
                layer.name, f"merge_mode={merge!r} of {sizes[0]} and {sizes[1]} units; only concat joins unequal halves"
            )
        chain.layers.append(Bidirectional(layer.name, halves[0], halves[1], cast("MergeMode", merge)))
        chain.features = sum(sizes) if merge == "concat" else sizes[0]
        chain.has_time_axis = sequences[0]
        return "; ".join(["needs a whole window: the model cannot stream", *dict.fromkeys(notes)])

    return handle


def _refusal(layer: SourceLayer, chain: Chain) -> Refusal | None:
    merge = layer.config.get("merge_mode", "concat")
    if merge not in MERGE_MODES:
        return Refusal(
            layer.name, f"merge_mode={merge!r} leaves two outputs; expected one of {', '.join(MERGE_MODES)}, which join them"
        )
    if not chain.has_time_axis:
        return Refusal(layer.name, "the layer before returns only its last step; set return_sequences=True there")
    return None


def _halves(layer: SourceLayer, cells: Mapping[str, Handler]) -> list[SourceLayer] | Refusal:
    """The inner layers with their weights: forward, then backward."""
    forward = layer.config.get("layer")
    if not isinstance(forward, dict) or not isinstance(forward.get("config"), dict):
        return Refusal(layer.name, "the config describes no inner layer. The file may be damaged; save the model again")
    backward = layer.config.get("backward_layer")
    if backward is None:
        # Keras makes the backward half from the forward one.
        backward = forward | {"config": forward["config"] | {"go_backwards": True}}
    found: list[SourceLayer] = []
    weights = list(layer.weights)
    for half, described in (("forward", forward), ("backward", backward)):
        kind, config = (described.get("class_name"), described.get("config")) if isinstance(described, dict) else (None, None)
        if kind not in cells or not isinstance(config, dict):
            return Refusal(layer.name, f"its {half} half is a {kind}; supported inside: {', '.join(cells)}")
        count = 3 if config.get("use_bias", True) else 2
        found.append(SourceLayer(f"{layer.name}/{half}", str(kind), config, tuple(weights[:count])))
        del weights[:count]
    if len({bool(source.config.get("return_sequences", False)) for source in found}) > 1:
        return Refusal(layer.name, "one half returns sequences and the other does not; Keras wants both alike")
    if weights:
        return Refusal(layer.name, f"{len(layer.weights)} weight arrays, {len(weights)} too many. The file may be damaged")
    return found


def _complete(layers: list[Layer], source: SourceLayer, *, flipped: bool, sequences: bool) -> tuple[Layer, ...]:
    """A half as it runs: sequences of the second one are turned round, else each half gives its own last state."""
    if not sequences:
        return (*layers, LastStep(f"{source.name}/last"))
    return (*layers, Reverse(f"{source.name}/back")) if flipped else tuple(layers)
