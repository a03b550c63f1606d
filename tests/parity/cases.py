"""The table of models that every runner must agree on."""

from typing import NamedTuple

from edgeseq.export.c.isa import Isa
from edgeseq.quantize import QuantGraph
from edgeseq.quantize.types import SCHEME_PARTS, SCHEMES
from tests.conftest import make_quantized
from tests.window_models import window_quantized


class Case(NamedTuple):
    kinds: str
    inputs: int
    units: int
    outputs: int
    options: dict

    @property
    def plain(self) -> bool:
        """Whether every layer but the head is a cell that families of fast kernels know."""
        return set(self.kinds.split("+")) <= {"gru", "gru_before", "lstm", "rnn"}

    @property
    def mixed(self) -> bool:
        """Whether fast kernels and portable ones of another cell stand in one file."""
        kinds = self.kinds.split("+")
        return not self.plain and any(kind in COMPACT for kind in kinds) and not self.unusual

    @property
    def unusual(self) -> bool:
        """Whether every recurrent layer is one that no family of fast kernels knows."""
        return all(":" in kind or kind in COMPACT for kind in self.kinds.split("+"))

    def runs_fast(self, isa: Isa) -> bool:
        """Whether a family has kernels for the recurrent layers' schemes."""
        schemes = [self.options.get("scheme", "int8"), *self.options.get("layer_schemes", {}).values()]
        parts = [SCHEME_PARTS[scheme] for scheme in schemes]
        return any(bits in isa.weight_bits and (operand == "int8" or isa.wide_state) for operand, bits in parts)

    def build(self, seed: int = 0) -> QuantGraph:
        return make_quantized(self.kinds, self.inputs, self.units, self.outputs, seed, **self.options)


COMPACT = ("mgu", "mingru", "fastgrnn", "fastgrnn_low")

CASES = {
    "gru": Case("gru", 16, 32, 10, {}),
    "gru reset before": Case("gru_before", 9, 16, 6, {}),
    "lstm": Case("lstm", 16, 32, 10, {}),
    "rnn": Case("rnn", 8, 24, 4, {}),
    "one unit": Case("gru", 1, 1, 1, {}),
    "odd sizes": Case("lstm", 7, 13, 3, {}),
    "large weights": Case("gru", 9, 16, 6, {"gain": 4.0}),
    "wide cell": Case("lstm", 9, 16, 6, {"gain": 5.0}),
    "gru, int16 input": Case("gru", 16, 32, 10, {"input_dtype": "int16"}),
    "gru reset before, int16 input": Case("gru_before", 5, 9, 3, {"input_dtype": "int16"}),
    "lstm, int16 input": Case("lstm", 7, 13, 3, {"input_dtype": "int16"}),
    "rnn, int16 input": Case("rnn", 40, 5, 3, {"input_dtype": "int16"}),
    "gru, int16x8": Case("gru", 16, 32, 10, {"scheme": "int16x8"}),
    "gru reset before, int16x8": Case("gru_before", 5, 9, 3, {"scheme": "int16x8", "input_dtype": "int16"}),
    "lstm, int16x8": Case("lstm", 7, 13, 3, {"scheme": "int16x8", "input_dtype": "int16"}),
    "rnn over lstm, int16x8": Case("lstm+rnn", 7, 13, 3, {"scheme": "int16x8"}),
    "gru, int8x4": Case("gru", 16, 32, 10, {"scheme": "int8x4"}),
    "gru reset before, int8x4": Case("gru_before", 5, 9, 3, {"scheme": "int8x4"}),
    "lstm, int8x4": Case("lstm", 7, 13, 3, {"scheme": "int8x4", "input_dtype": "int16"}),
    "rnn over gru, int8x4": Case("gru+rnn", 7, 13, 3, {"scheme": "int8x4"}),
    "gru, int16x4": Case("gru", 16, 32, 10, {"scheme": "int16x4"}),
    "lstm over gru, int16x4": Case("gru+lstm", 7, 13, 3, {"scheme": "int16x4", "input_dtype": "int16"}),
    "mixed schemes": Case("gru+lstm", 6, 11, 4, {"layer_schemes": {"gru_0": "int8x4", "lstm_1": "int16x8", "head": "int8x4"}}),
    "mgu between gru and lstm": Case("gru+mgu+lstm", 6, 11, 4, {"input_dtype": "int16"}),
    "fastgrnn over gru, 4 bits": Case("gru+fastgrnn", 5, 9, 3, {"scheme": "int8x4", "layer_schemes": {"fastgrnn_1": "int16x4"}}),
    "no state": Case("dense", 6, 5, 3, {}),
    "gru over lstm": Case("lstm+gru", 6, 11, 4, {}),
    "three layers": Case("gru+gru_before+rnn", 5, 9, 2, {}),
    "relu head": Case("gru", 6, 10, 5, {"activation": "relu"}),
    "sigmoid head": Case("lstm", 6, 10, 1, {"activation": "sigmoid"}),
    "tanh head": Case("rnn", 6, 10, 3, {"activation": "tanh"}),
    "softmax head": Case("gru", 6, 10, 3, {"activation": "softmax"}),
    "residual gru": Case("gru+res(gru)", 6, 11, 4, {}),
    "residual of the input": Case("res(dense|gru)+res(lstm.dense)", 5, 9, 3, {}),
    "residual of itself": Case("lstm+res()", 6, 10, 3, {"scheme": "int16x8"}),
    "residuals inside residuals": Case("conv2+res(dense.res(conv3.gru).relu|dense)", 5, 8, 3, {"scheme": "int8x4"}),
    "mean pooling": Case("gru+average+dense", 6, 11, 4, {}),
    "mean pooling of the input": Case("average", 5, 1, 3, {}),
    "max pooling": Case("lstm+max+dense", 6, 11, 4, {"input_dtype": "int16"}),
    "pooling alone": Case("max", 4, 1, 3, {"input_dtype": "int16"}),
    "layer normalisation": Case("gru+norm+gru", 6, 11, 4, {}),
    "layer normalisation of the input": Case("norm-plain+rnn+norm", 7, 9, 3, {"input_dtype": "int16"}),
    "affine between cells": Case("gru+affine+lstm", 6, 11, 4, {}),
    "affine input": Case("affine+rnn", 6, 11, 4, {"scheme": "int16x8"}),
    "conv before gru": Case("conv3+gru", 6, 11, 4, {}),
    "conv of int16 input": Case("conv5x3+lstm", 3, 7, 4, {"input_dtype": "int16", "scheme": "int16x8"}),
    "conv alone": Case("conv7", 1, 1, 1, {}),
    "conv with tanh": Case("conv2x5-tanh+conv3-sigmoid", 5, 9, 3, {}),
    "conv, 4 bits": Case("conv4x2+conv3", 5, 9, 3, {"scheme": "int8x4"}),
    "depthwise conv": Case("depthwise3x2+dense+depthwise5*3", 5, 9, 3, {}),
    "depthwise conv with tanh": Case("gru+depthwise4-tanh+depthwise2-sigmoid", 5, 9, 3, {"scheme": "int16x8"}),
    "embedding": Case("embedding+gru", 1, 9, 3, {}),
    "embedding and conv": Case("embedding+conv3+res(conv3x2)+max", 1, 8, 3, {"scheme": "int16x4"}),
    "tcn": Case("res(conv3.conv3|dense)+relu+res(conv3x2.conv3x2)+relu+res(conv3x4.conv3x4)+relu", 5, 8, 3, {}),
}

CASES |= {
    f"{kind}, {scheme}": Case(kind, 7 + at, 9 + at, 3, {"scheme": scheme, "input_dtype": ("int8", "int16")[at % 2]})
    for kind in COMPACT
    for at, scheme in enumerate(SCHEMES)
}
# Each function in each place, over the schemes in turn.
FUNCTIONS = (
    *("rnn:relu", "rnn:linear", "rnn:sigmoid", "rnn:hard_sigmoid", "rnn:hard_sigmoid_keras2"),
    *("gru:relu:sigmoid", "gru:linear:hard_sigmoid", "gru:tanh:tanh", "gru:sigmoid:relu", "gru:hard_sigmoid:linear"),
    *("gru_before:relu:hard_sigmoid_keras2", "gru_before:tanh:relu", "gru_before:sigmoid:tanh", "gru_before:linear:sigmoid"),
    *("lstm:relu:sigmoid", "lstm:linear:linear", "lstm:sigmoid:hard_sigmoid", "lstm:hard_sigmoid:tanh", "lstm:tanh:relu"),
    *("lstm:hard_sigmoid_keras2:sigmoid", "lstm:relu:hard_sigmoid"),
)
CASES |= {kind: Case(kind, 6, 11, 3, {"scheme": SCHEMES[at % 4]}) for at, kind in enumerate(FUNCTIONS)}
CASES |= {
    "relu rnn over mingru": Case("mingru+rnn:relu", 6, 11, 3, {}),
    "hard sigmoid head": Case("mgu", 6, 10, 3, {"activation": "hard_sigmoid"}),
    "gelu head": Case("mgu", 6, 10, 3, {"activation": "gelu"}),
    "exponential head": Case("mgu", 6, 10, 1, {"activation": "exponential"}),
    "relu6 head": Case("rnn:relu", 6, 10, 3, {"activation": "rectified:6:0:0"}),
    "bent head": Case("mgu", 6, 10, 3, {"activation": "rectified:0.5:-0.25:0.1"}),
    "prelu head": Case("mgu", 6, 10, 3, {"activation": "prelu"}),
    "softsign head": Case("lstm", 6, 10, 3, {"activation": "softsign"}),
}


# Zero blocks that kernels leave out: shares, shapes, gaps wider than one step of an index.
CASES |= {
    "pruned gru": Case("gru", 16, 32, 10, {"pruned": (0.5, (4, 4))}),
    "pruned lstm, int16 input": Case("lstm", 7, 13, 3, {"pruned": (0.9, (4, 4)), "input_dtype": "int16"}),
    "pruned gru reset before": Case("gru_before", 9, 18, 3, {"pruned": (0.5, (4, 4)), "input_dtype": "int16"}),
    "pruned to nothing": Case("gru+lstm", 5, 9, 3, {"pruned": (1.0, (4, 4))}),
    "pruned, unbounded rows": Case("gru", 9, 16, 6, {"pruned": (0.75, (4, 4)), "gain": 4.0}),
    "pruned, int16x8": Case("gru+lstm", 6, 21, 4, {"pruned": (0.5, (4, 4)), "scheme": "int16x8"}),
    "pruned, int8x4": Case("lstm", 33, 14, 4, {"pruned": (0.75, (1, 4)), "scheme": "int8x4"}),
    "pruned row by row": Case("rnn+mgu", 37, 25, 3, {"pruned": (0.75, (1, 4))}),
    "pruned far apart": Case("rnn", 300, 5, 3, {"pruned": (0.97, (4, 4))}),
}


class WindowCase(NamedTuple):
    """A model that maps whole windows; parts as `tests.window_models.part` reads them."""

    parts: str
    inputs: int
    units: int
    outputs: int
    options: dict

    def build(self) -> QuantGraph:
        return window_quantized(self.parts, self.inputs, self.units, self.outputs, **self.options)


WINDOW_CASES = {
    "gru backwards": WindowCase("back gru last", 6, 10, 3, {}),
    "lstm backwards, sequences": WindowCase("back lstm", 5, 9, 3, {"sequence": True}),
    "bidirectional gru": WindowCase("bi gru concat last", 6, 10, 4, {"input_dtype": "int16"}),
    "bidirectional gru, sequences": WindowCase("bi gru concat", 6, 7, 4, {"sequence": True}),
    "bidirectional lstm, sum": WindowCase("bi lstm sum", 5, 9, 3, {"sequence": True}),
    "bidirectional lstm, sum of last": WindowCase("bi lstm sum last", 5, 9, 3, {}),
    "bidirectional rnn, product": WindowCase("bi rnn mul", 5, 8, 3, {"sequence": True}),
    "bidirectional gru, mean": WindowCase("bi gru_before ave last", 5, 8, 3, {"input_dtype": "int16"}),
    "lstm and gru as halves": WindowCase("bi lstm gru concat", 4, 6, 2, {"sequence": True}),
    "causal around bidirectional": WindowCase("gru+bi lstm ave+lstm last", 6, 8, 3, {"input_dtype": "int16"}),
    "two bidirectional": WindowCase("bi gru sum+bi lstm concat last", 5, 6, 3, {}),
    "backwards between causal": WindowCase("rnn+back gru+lstm", 5, 7, 2, {"sequence": True}),
    "no last step": WindowCase("back gru+gru", 5, 7, 2, {}),
    "one step": WindowCase("bi gru concat last", 5, 7, 2, {"steps": 1}),
    "bidirectional, int16x8": WindowCase("bi gru concat+lstm last", 5, 7, 3, {"scheme": "int16x8"}),
    "bidirectional, int8x4": WindowCase("bi lstm mul+gru last", 5, 7, 3, {"scheme": "int8x4", "input_dtype": "int16"}),
    "bidirectional, int16x4": WindowCase("gru+bi lstm gru sum last", 5, 7, 3, {"scheme": "int16x4"}),
    "mixed schemes in halves": WindowCase(
        "bi gru concat+back lstm last", 5, 7, 3, {"layer_schemes": {"part_0": "int16x8", "part_0/1": "int8x4", "head": "int8x4"}}
    ),
    "attention": WindowCase("attend 2", 6, 10, 3, {"sequence": True}),
    "attention, int16 input": WindowCase("attend 3", 6, 7, 3, {"input_dtype": "int16", "steps": 23}),
    "attention after a gru": WindowCase("gru+attend 1", 6, 7, 3, {"scheme": "int16x8"}),
    "attention, int8x4": WindowCase("lstm+attend 2+attend 2", 6, 7, 3, {"scheme": "int8x4"}),
    "attention of one step": WindowCase("attend 2", 6, 7, 3, {"scheme": "int16x4", "steps": 1}),
}
