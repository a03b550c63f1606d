"""With which of TFLite's operators each integer layer type is written."""

from __future__ import annotations

from edgeseq.quantize.types import (
    QuantAttention,
    QuantEmbedding,
    QuantLayer,
    QuantLookup,
    QuantNormalize,
    QuantPool,
    QuantRectify,
)

# What TFLite's int16 operators do not do is spelled out in wider integers.
WIDER: dict[type[QuantLayer], str] = {
    QuantRectify: "int32 for the choice of a piece",
    QuantLookup: "int32 and GATHER",
    QuantPool: "int32, of a mean int64 and BITCAST; MEAN or REDUCE_MAX where only a window's end counts",
    QuantNormalize: "int64 and BITCAST",
    QuantEmbedding: "GATHER",
    QuantAttention: "int32, int64, GATHER and BITCAST; window form alone",
}


def tflite_support(layer: type[QuantLayer]) -> str:
    """How LiteRT gets this layer, bit for bit."""
    wider = WIDER.get(layer)
    return "int16 operators" if wider is None else f"int16 operators; {wider}"
