"""SourceModel -> Graph. Each layer is handled or refused with a reason and a way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from edgeseq.frontend.handlers import HANDLERS, INTERNAL, READ_PADDING, REFUSED, SUPPORTED, Chain, Refusal, trainable
from edgeseq.frontend.handlers.entry import read_input_shape
from edgeseq.frontend.source import SourceLayer, SourceModel, every_layer
from edgeseq.graph import (
    Conv1D,
    Dense,
    DepthwiseConv1D,
    Graph,
    LastStep,
    Layer,
    Rearrange,
    Recurrent,
    Residual,
    walk,
)


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One row of `edgeseq inspect`. reason: why it is refused, or a note on how it is read."""

    name: str
    kind: str
    supported: bool
    reason: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Conversion:
    """graph is None when any layer was refused."""

    graph: Graph | None
    rows: tuple[LayerReport, ...]
    parameters: int

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The refused layers with their reasons."""
        return tuple(Refusal(row.name, row.reason or "") for row in self.rows if not row.supported)


def convert(source: SourceModel) -> Conversion:
    """Walk the chain once; every layer gets a row, also after a refusal."""
    chain = Chain(keras_major=source.keras_major)
    rows: list[LayerReport] = []
    _walk(source.layers, chain, rows, top=True)
    counted = (trainable(layer) for layer in every_layer(source.layers))
    parameters = sum(array.size for arrays in counted for array in arrays)
    if any(layer.window_reason for layer in chain.layers):
        rows = [_stateless(row, layer) for row, layer in zip(rows, every_layer(source.layers), strict=True)]
    first = next((layer for layer in walk(chain.layers) if not layer.chains and not isinstance(layer, Rearrange)), None)
    if chain.input_size is None and first is not None:
        chain.input_size = _features_read(first)
    if all(row.supported for row in rows):
        reason = None
        if chain.input_size is None:
            reason = "the model does not say how many features it reads; start it with keras.Input((time, features))"
        elif chain.left_padding:
            reason = f"nothing reads the {chain.left_padding} padded steps; only a convolution with padding='valid' may follow"
        elif not (built := _graph(source, chain)).remembers:
            reason = (
                "the model has no recurrent layer, causal convolution, attention or pooling over time: nothing in it carries "
                "anything from one time step to the next; edgeseq needs at least one of them"
            )
        if reason is None:
            return Conversion(built, tuple(rows), parameters)
        rows[-1] = LayerReport(rows[-1].name, rows[-1].kind, supported=False, reason=reason)
    return Conversion(None, tuple(rows), parameters)


def _features_read(layer: Layer) -> int | None:
    """What the first layer of a model without an input layer tells of its input."""
    if isinstance(layer, Dense | Recurrent):
        return layer.inputs
    return layer.kernel.shape[1] if isinstance(layer, Conv1D | DepthwiseConv1D) else None


def _graph(source: SourceModel, chain: Chain) -> Graph:
    size = cast("int", chain.input_size)
    return Graph(
        source.name,
        size,
        chain.normalization,
        tuple(chain.layers),
        chain.has_time_axis,
        chain.time_steps,
        fixed_input=chain.fixed_input,
    )


def _walk(layers: Sequence[SourceLayer], chain: Chain, rows: list[LayerReport], *, top: bool = False) -> None:
    """Read a chain; every layer gets a row, also after a refusal. top: it is the model's own, no branch."""
    for layer in layers:
        had_time_axis = chain.has_time_axis
        outcome = _join(layer, chain, rows) if layer.branches else _handle(layer, chain)
        if layer.note and not isinstance(outcome, Refusal):
            outcome = f"{outcome}; {layer.note}" if outcome else layer.note
        refused = isinstance(outcome, Refusal)
        if refused:
            chain.features = None  # what follows is judged by its own weights
        elif top and had_time_axis and not chain.has_time_axis and any(done.window_reason for done in chain.layers):
            # What follows runs once for a window; a stream has no last step to wait for.
            chain.layers.append(LastStep(f"{layer.name}/last"))
        rows.append(
            LayerReport(layer.name, layer.class_name, not refused, outcome.reason if isinstance(outcome, Refusal) else outcome)
        )


def _join(layer: SourceLayer, chain: Chain, rows: list[LayerReport]) -> str | Refusal | None:
    """Two branches of the layer before, and their sum."""
    inner = [chain.branch(), chain.branch()]
    for branch, part in zip(layer.branches, inner, strict=True):
        _walk(branch, part, rows)
    first, second = inner
    if (first.features, first.has_time_axis) != (second.features, second.has_time_axis):
        return Refusal(
            layer.name,
            f"adds {first.features} and {second.features} features, with and without a time axis: "
            f"{first.has_time_axis} and {second.has_time_axis}; both branches must have the same shape",
        )
    if any(part.ended for part in inner):
        return Refusal(layer.name, "a softmax is only supported as the last layer; remove the one in the branch")
    if any(part.left_padding for part in inner):
        return Refusal(layer.name, "a branch ends in padding; only a convolution with padding='valid' may follow it")
    # A chain of nothing reads best as the shortcut.
    body, shortcut = sorted(inner, key=lambda part: not part.layers)
    chain.layers.append(Residual(layer.name, tuple(body.layers), tuple(shortcut.layers)))
    chain.features, chain.has_time_axis = first.features, first.has_time_axis
    return None


def _handle(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    handler = HANDLERS.get(layer.class_name) or INTERNAL.get(layer.class_name)
    if layer.refusal is not None or handler is None:
        reason = REFUSED.get(layer.class_name, f"no integer form of {layer.class_name} exists in edgeseq yet; {SUPPORTED}")
        return Refusal(layer.name, layer.refusal or reason)
    if chain.ended and layer.class_name != "Dropout":
        return Refusal(layer.name, "a softmax is only supported as the last layer; remove it or what follows")
    if chain.tokens and layer.class_name not in ("InputLayer", "Embedding"):
        return Refusal(layer.name, "reads an input of shape (batch, time); expected (batch, time, features), or Embedding first")
    if chain.left_padding and layer.class_name not in READ_PADDING:
        return Refusal(layer.name, "reads padded time steps; only a convolution with padding='valid' may follow ZeroPadding1D")
    shape = layer.config.get("batch_shape") or layer.config.get("batch_input_shape")
    if shape is not None and (refusal := read_input_shape(layer, shape, chain)):
        return refusal
    return handler(layer, chain)


def _stateless(row: LayerReport, layer: SourceLayer) -> LayerReport:
    """Refuse a stateful layer of a model that needs whole windows."""
    inner = layer.config.get("layer")
    nested = isinstance(inner, dict) and isinstance(inner.get("config"), dict) and inner["config"].get("stateful")
    if not row.supported or not (layer.config.get("stateful") or nested):
        return row
    reason = "stateful=True carries state from window to window, but each window starts from zero here; save without it"
    return LayerReport(row.name, row.kind, supported=False, reason=reason)
