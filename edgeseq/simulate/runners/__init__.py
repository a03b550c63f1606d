"""How each layer type runs."""

from __future__ import annotations

from collections.abc import Sequence

from edgeseq.quantize.types import (
    QuantAttention,
    QuantBidirectional,
    QuantDense,
    QuantGru,
    QuantLastStep,
    QuantLayer,
    QuantLstm,
    QuantRelu,
    QuantReverse,
    QuantSimpleRnn,
)
from edgeseq.simulate.runners.attention import AttentionRunner
from edgeseq.simulate.runners.base import AnyRunner, Int
from edgeseq.simulate.runners.dense import DenseRunner, ReluRunner
from edgeseq.simulate.runners.recurrent import GruRunner, LstmRunner, SimpleRnnRunner
from edgeseq.simulate.runners.window import BidirectionalRunner, LastStepRunner, ReverseRunner

RUNNERS: dict[type[QuantLayer], type[AnyRunner]] = {
    QuantGru: GruRunner,
    QuantLstm: LstmRunner,
    QuantSimpleRnn: SimpleRnnRunner,
    QuantDense: DenseRunner,
    QuantRelu: ReluRunner,
    QuantReverse: ReverseRunner,
    QuantLastStep: LastStepRunner,
    QuantBidirectional: BidirectionalRunner,
    QuantAttention: AttentionRunner,
}


def chain_runners(layers: Sequence[QuantLayer], batch: int, zero_point: int | None) -> list[AnyRunner]:
    """Runners of layers one behind another; zero_point: of the input codes that the first one reads, or None."""
    runners = []
    for layer in layers:
        runners.append(RUNNERS[type(layer)](layer, batch, zero_point))
        zero_point = zero_point if layer.rearranges else None
    return runners


__all__ = ["RUNNERS", "AnyRunner", "Int", "chain_runners"]
