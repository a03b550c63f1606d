"""How each layer type runs."""

from edgeseq.quantize.types import (
    QuantDense,
    QuantFastGrnn,
    QuantGru,
    QuantLayer,
    QuantLookup,
    QuantLstm,
    QuantMgu,
    QuantMinGru,
    QuantRectify,
    QuantRelu,
    QuantSimpleRnn,
)
from edgeseq.simulate.runners.activation import LookupRunner, RectifyRunner, ReluRunner
from edgeseq.simulate.runners.base import AnyRunner, Int
from edgeseq.simulate.runners.compact import FastGrnnRunner, MinGruRunner
from edgeseq.simulate.runners.dense import DenseRunner
from edgeseq.simulate.runners.recurrent import GruRunner, LstmRunner, MguRunner, SimpleRnnRunner

RUNNERS: dict[type[QuantLayer], type[AnyRunner]] = {
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
}

__all__ = ["RUNNERS", "AnyRunner", "Int"]
