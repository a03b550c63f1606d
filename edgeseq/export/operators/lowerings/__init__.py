"""How each integer layer becomes operators, or why it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edgeseq.errors import TargetError
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.lowerings import recurrent, single, window
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.quantize.types import (
    QuantDense,
    QuantFastGrnn,
    QuantGru,
    QuantLastStep,
    QuantLayer,
    QuantLstm,
    QuantMgu,
    QuantMinGru,
    QuantRelu,
    QuantReverse,
    QuantSimpleRnn,
    QuantWiden,
)


class Lowering(Protocol):
    """Adds a layer's operators for all time steps of x and returns its result; codes: x holds the model's input codes."""

    def __call__(self, build: Builder, layer: Any, x: Steps, *, codes: bool) -> Steps:
        """Lower one layer."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a layer type has no exact operators, and what to do instead."""

    reason: str


LOWERINGS: dict[type[QuantLayer], Lowering | Refusal] = {
    QuantGru: recurrent.gru,
    QuantLstm: recurrent.lstm,
    QuantSimpleRnn: recurrent.simple_rnn,
    QuantMgu: recurrent.mgu,
    QuantMinGru: recurrent.min_gru,
    QuantFastGrnn: recurrent.fast_grnn,
    QuantDense: single.dense,
    QuantRelu: single.relu,
    QuantWiden: single.widen,
    QuantReverse: window.reverse,
    QuantLastStep: window.last_step,
}


def lower_chain(build: Builder, layers: Sequence[QuantLayer], x: Steps, *, codes: bool) -> Steps:
    """The result of layers one behind another. Raises TargetError for one that no exact operators express."""
    for layer in layers:
        lowering = LOWERINGS[type(layer)]
        if isinstance(lowering, Refusal):
            raise TargetError(f"layer {layer.name!r}: {lowering.reason}")
        x = lowering(build, layer, x, codes=codes)
        codes = codes and layer.rearranges
    return x


__all__ = ["LOWERINGS", "Lowering", "Refusal", "lower_chain"]
