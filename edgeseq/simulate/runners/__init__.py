"""How each layer type runs."""

from collections.abc import Callable, Sequence
from typing import Any

from edgeseq.quantize.types import (
    QuantDelay,
    QuantDense,
    QuantDepthwise,
    QuantEmbedding,
    QuantFastGrnn,
    QuantGru,
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
    QuantSimpleRnn,
    QuantWiden,
)
from edgeseq.simulate.runners import around
from edgeseq.simulate.runners.activation import LookupRunner, RectifyRunner, ReluRunner
from edgeseq.simulate.runners.base import AnyRunner, Int
from edgeseq.simulate.runners.compact import FastGrnnRunner, MinGruRunner
from edgeseq.simulate.runners.dense import DenseRunner
from edgeseq.simulate.runners.recurrent import GruRunner, LstmRunner, MguRunner, SimpleRnnRunner


def residual_runner(layer: QuantResidual, batch: int, zero_point: int | None) -> AnyRunner:
    """The runner of a residual connection, whose sides are chains."""
    return around.ResidualRunner(layer, batch, lambda chain: make_runners(chain, batch, None))


# (layer, streams, zero point of the codes it reads or None for an int16 tensor) -> what runs it.
RUNNERS: dict[type[QuantLayer], Callable[[Any, int, int | None], AnyRunner]] = {
    QuantGru: GruRunner,
    QuantLstm: LstmRunner,
    QuantSimpleRnn: SimpleRnnRunner,
    QuantMgu: MguRunner,
    QuantMinGru: MinGruRunner,
    QuantFastGrnn: FastGrnnRunner,
    QuantDense: DenseRunner,
    QuantRelu: ReluRunner,
    QuantRectify: RectifyRunner,
    QuantLookup: LookupRunner,
    QuantWiden: around.WidenRunner,
    QuantResidual: residual_runner,
    QuantPool: around.pool_runner,
    QuantNormalize: around.NormalizeRunner,
    QuantDelay: around.DelayRunner,
    QuantDepthwise: around.DepthwiseRunner,
    QuantEmbedding: around.EmbeddingRunner,
}


def make_runners(layers: Sequence[QuantLayer], batch: int, zero_point: int | None) -> list[AnyRunner]:
    """The runners of a chain; zero_point: of the codes that its first layer reads, or None for an int16 tensor."""
    runners = []
    for layer in layers:
        runners.append(RUNNERS[type(layer)](layer, batch, zero_point))
        zero_point = None
    return runners


__all__ = ["RUNNERS", "AnyRunner", "Int", "make_runners"]
