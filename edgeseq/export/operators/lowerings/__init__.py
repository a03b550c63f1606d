"""How each integer layer becomes operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.lowerings import around, attention, recurrent, single, window
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.quantize.types import (
    QuantAttention,
    QuantBidirectional,
    QuantDelay,
    QuantDense,
    QuantDepthwise,
    QuantEmbedding,
    QuantFastGrnn,
    QuantGru,
    QuantLastStep,
    QuantLayer,
    QuantLookup,
    QuantLstm,
    QuantMgu,
    QuantMinGru,
    QuantNormalize,
    QuantPool,
    QuantRectify,
    QuantRelu,
    QuantResidual,
    QuantReverse,
    QuantSimpleRnn,
    QuantWiden,
)


class Lowering(Protocol):
    """Adds a layer's operators for all time steps of x and returns its result; codes: x holds the model's input codes."""

    def __call__(self, build: Builder, layer: Any, x: Steps, *, codes: bool) -> Steps:
        """Lower one layer."""


def _residual(build: Builder, layer: QuantResidual, x: Steps, *, codes: bool) -> Steps:
    """Both sides, shifted to one scale."""
    body, shortcut = (lower_chain(build, chain, x, codes=codes) for chain in layer.chains)
    moved = body.apply(lambda value: build.shift_right(value, layer.body_shift))
    beside = shortcut.apply(lambda value: build.shift_right(value, layer.shortcut_shift))
    return moved.with_other(beside, build.add)


def _bidirectional(build: Builder, layer: QuantBidirectional, x: Steps, *, codes: bool) -> Steps:
    """Both halves, merged."""
    forward, backward = (lower_chain(build, chain, x, codes=codes) for chain in layer.chains)
    return forward.with_other(backward, lambda a, b: window.merge(build, layer, a, b))


def _attention(build: Builder, layer: QuantAttention, x: Steps, *, codes: bool) -> Steps:
    """Projections, all pairs of steps, the output projection."""
    query, key, value = (lower_chain(build, [part], x, codes=codes).whole for part in layer.projections[:3])
    context = attention.contexts(build, layer, query, key, value)
    return lower_chain(build, [layer.output], Steps(build, whole=context), codes=False)


LOWERINGS: dict[type[QuantLayer], Lowering] = {
    QuantGru: recurrent.gru,
    QuantLstm: recurrent.lstm,
    QuantSimpleRnn: recurrent.simple_rnn,
    QuantMgu: recurrent.mgu,
    QuantMinGru: recurrent.min_gru,
    QuantFastGrnn: recurrent.fast_grnn,
    QuantDense: single.dense,
    QuantRelu: single.relu,
    QuantRectify: single.rectify,
    QuantLookup: single.lookup,
    QuantWiden: single.widen,
    QuantResidual: _residual,
    QuantPool: around.pool,
    QuantNormalize: around.normalize,
    QuantDelay: around.delay,
    QuantDepthwise: around.depthwise,
    QuantEmbedding: around.embedding,
    QuantReverse: window.reverse,
    QuantLastStep: window.last_step,
    QuantBidirectional: _bidirectional,
    QuantAttention: _attention,
}


def lower_chain(build: Builder, layers: Sequence[QuantLayer], x: Steps, *, codes: bool) -> Steps:
    """The result of layers one behind another; codes: the first of them reads the model's input codes."""
    for at, layer in enumerate(layers):
        behind = layers[at + 1] if at + 1 < len(layers) else None
        if build.from_zero and isinstance(layer, QuantPool) and isinstance(behind, QuantLastStep):
            x = around.pool_window(build, layer, x)
            continue
        x = LOWERINGS[type(layer)](build, layer, x, codes=codes)
        codes = codes and layer.rearranges
    return x


__all__ = ["LOWERINGS", "Lowering", "lower_chain"]
