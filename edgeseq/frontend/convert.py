"""SourceModel -> Graph. Each layer is handled or refused with a reason and a way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from edgeseq.frontend.handlers import HANDLERS, REFUSED, SUPPORTED, Chain, Refusal
from edgeseq.frontend.handlers.entry import read_input_shape
from edgeseq.frontend.source import SourceLayer, SourceModel
from edgeseq.graph import Dense, Graph, Recurrent, walk


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
    chain = Chain()
    rows = []
    for layer in source.layers:
        outcome = _handle(layer, chain)
        refused = isinstance(outcome, Refusal)
        rows.append(
            LayerReport(layer.name, layer.class_name, not refused, outcome.reason if isinstance(outcome, Refusal) else outcome)
        )
    parameters = sum(w.size for layer in source.layers if layer.class_name != "Normalization" for w in layer.weights)
    if chain.input_size is None:
        # The first layer that has weights reads the input, whatever holds it.
        chain.input_size = next((x.kernel.shape[0] for x in walk(chain.layers) if isinstance(x, Dense | Recurrent)), None)
    if all(row.supported for row in rows) and not any(isinstance(x, Recurrent) for x in walk(chain.layers)):
        last = rows[-1]
        reason = "the model has no recurrent layer; edgeseq needs at least one GRU, LSTM or SimpleRNN"
        rows[-1] = LayerReport(last.name, last.kind, supported=False, reason=reason)
    if any(layer.window_reason for layer in chain.layers):
        rows = [_stateless(row, layer) for row, layer in zip(rows, source.layers, strict=True)]
    if not all(row.supported for row in rows):
        return Conversion(None, tuple(rows), parameters)
    graph = Graph(
        source.name,
        cast("int", chain.input_size),
        chain.normalization,
        tuple(chain.layers),
        chain.has_time_axis,
        chain.time_steps,
    )
    return Conversion(graph, tuple(rows), parameters)


def _handle(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    handler = HANDLERS.get(layer.class_name)
    if handler is None:
        reason = REFUSED.get(layer.class_name, f"no integer form of {layer.class_name} exists in edgeseq yet; {SUPPORTED}")
        return Refusal(layer.name, reason)
    if chain.ended and layer.class_name != "Dropout":
        return Refusal(layer.name, "a softmax is only supported as the last layer; remove it or what follows")
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
