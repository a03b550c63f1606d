"""The integer IR. A scheme is named activation x weight, as TFLite does.

Conventions, all proven against TFLite's operators by tests/portability:

* The matrices of a recurrent layer read doubled values and have an odd bias:
  ``acc = 2 * sum(w * v) + bias``. The accumulator is then never an exact rounding tie, so every
  runtime's rounding mode gives the same result. v is an input code less its zero point, or of an
  int16 tensor its top byte (operand int8) or its upper 15 bits, ``q >> 1`` (operand int16).
* An int16 tensor enters a Dense layer as it is: ``acc = sum(w * q) + bias``.
* ``out = saturate_int16((acc * multiplier + 2**(shift-1)) >> shift)`` per row.
"""

from edgeseq.arith.matmul import SCHEME_PARTS, SCHEMES, Scheme
from edgeseq.quantize.types.activation import QuantElementwise, QuantLookup, QuantRectify, QuantRelu
from edgeseq.quantize.types.around import (
    QuantDelay,
    QuantDepthwise,
    QuantEmbedding,
    QuantNormalize,
    QuantPool,
    QuantResidual,
    QuantWiden,
)
from edgeseq.quantize.types.base import Matvec, Operand, QuantInput, QuantLayer, WeightBits
from edgeseq.quantize.types.dense import UNIT_FUNCTIONS, DenseFunction, QuantDense
from edgeseq.quantize.types.graph import ROUNDING_MODE, QuantGraph
from edgeseq.quantize.types.recurrent import (
    Factor,
    QuantFastGrnn,
    QuantGated,
    QuantGru,
    QuantLstm,
    QuantMgu,
    QuantMinGru,
    QuantPair,
    QuantRecurrent,
    QuantSimpleRnn,
)

# Every layer type there is; what reads, checks, runs or exports them has a line for each.
LAYER_TYPES: tuple[type[QuantLayer], ...] = (
    QuantGru,
    QuantLstm,
    QuantSimpleRnn,
    QuantMgu,
    QuantMinGru,
    QuantFastGrnn,
    QuantDense,
    QuantRelu,
    QuantRectify,
    QuantLookup,
    QuantWiden,
    QuantResidual,
    QuantPool,
    QuantNormalize,
    QuantDelay,
    QuantDepthwise,
    QuantEmbedding,
)

__all__ = [
    "LAYER_TYPES",
    "ROUNDING_MODE",
    "SCHEMES",
    "SCHEME_PARTS",
    "UNIT_FUNCTIONS",
    "DenseFunction",
    "Factor",
    "Matvec",
    "Operand",
    "QuantDelay",
    "QuantDense",
    "QuantDepthwise",
    "QuantElementwise",
    "QuantEmbedding",
    "QuantFastGrnn",
    "QuantGated",
    "QuantGraph",
    "QuantGru",
    "QuantInput",
    "QuantLayer",
    "QuantLookup",
    "QuantLstm",
    "QuantMgu",
    "QuantMinGru",
    "QuantNormalize",
    "QuantPair",
    "QuantPool",
    "QuantRectify",
    "QuantRecurrent",
    "QuantRelu",
    "QuantResidual",
    "QuantSimpleRnn",
    "QuantWiden",
    "Scheme",
    "WeightBits",
]
