"""How each layer type runs."""

from edgeseq.quantize.types import QuantDense, QuantGru, QuantLayer, QuantLstm, QuantRelu, QuantSimpleRnn
from edgeseq.simulate.runners.base import AnyRunner, Int
from edgeseq.simulate.runners.dense import DenseRunner, ReluRunner
from edgeseq.simulate.runners.recurrent import GruRunner, LstmRunner, SimpleRnnRunner

RUNNERS: dict[type[QuantLayer], type[AnyRunner]] = {
    QuantGru: GruRunner,
    QuantLstm: LstmRunner,
    QuantSimpleRnn: SimpleRnnRunner,
    QuantDense: DenseRunner,
    QuantRelu: ReluRunner,
}

__all__ = ["RUNNERS", "AnyRunner", "Int"]
