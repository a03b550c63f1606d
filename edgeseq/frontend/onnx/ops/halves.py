"""Both directions of a recurrent layer, and how they become one Bidirectional layer."""

from __future__ import annotations

from dataclasses import replace

from edgeseq.frontend.onnx.gathered import Gathered
from edgeseq.frontend.onnx.values import Flow, RefusedError
from edgeseq.frontend.source import SourceLayer

CELLS = ("GRU", "LSTM", "SimpleRNN")


def backwards(gathered: Gathered, flow: Flow) -> str | None:
    """The cell that runs against time, if a flow is its states in the order of time."""
    name = flow.layer
    if name in gathered.layers and gathered.class_of(name) == "Reverse":
        return _cell_behind_reverse(gathered, gathered.layers[name].sources[0])
    return None


def first_computed(gathered: Gathered, flow: Flow) -> Flow | None:
    """Time step 0 of a backward cell's states: its own last one."""
    cell = backwards(gathered, flow)
    return None if cell is None else replace(flow, layer=cell, last=True)


def joined(gathered: Gathered, first: Flow, second: Flow, merge: str) -> Flow:
    """Return both halves as one layer's result; its axes are the first's. Raises RefusedError if they are no such pair."""
    one, two, final = first.layer, second.layer, False
    if one not in gathered.layers or gathered.class_of(one) not in CELLS or first.last != second.last:
        raise _no_pair()
    start = gathered.layers[one].sources[0]
    behind = backwards(gathered, second)
    if behind is None:
        behind = _cell_behind_reverse(gathered, two)
        final = True
        if behind is None or not second.last:
            raise _no_pair()
    turned = gathered.layers[behind].sources[0]
    if gathered.layers[turned].sources[0] != start:
        raise _no_pair()
    name = f"{one.removesuffix('/forward')}/{merge}{'_last' if final else ''}"
    if name not in gathered.layers:
        forward, backward = gathered.layers[one].layer, gathered.layers[behind].layer
        inner = [
            {"class_name": layer.class_name, "config": layer.config | {"return_sequences": not final, "go_backwards": turned}}
            for layer, turned in ((forward, False), (backward, True))
        ]
        config = {"merge_mode": merge, "layer": inner[0], "backward_layer": inner[1]}
        notes = "; ".join(dict.fromkeys(layer.note for layer in (forward, backward) if layer.note))
        weights = (*forward.weights, *backward.weights)
        gathered.add(SourceLayer(name, "Bidirectional", config, weights, note=notes or None), (start,))
    whole = Flow(name, first.axes, last=first.last and not final)
    if merge == "concat":
        gathered.halves_of[name] = (first, second)
    return whole


def _cell_behind_reverse(gathered: Gathered, name: str) -> str | None:
    """The name, if it is a cell that reads a reversed window."""
    if name not in gathered.layers or gathered.class_of(name) not in CELLS:
        return None
    source = gathered.layers[name].sources[0]
    return name if gathered.class_of(source) == "Reverse" else None


def _no_pair() -> RefusedError:
    return RefusedError(
        "joins two branches that are not the two directions of one recurrent layer; only those, and sums of two branches of the "
        "same layer, are supported"
    )
