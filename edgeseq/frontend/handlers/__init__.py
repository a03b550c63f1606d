"""How each Keras layer is read: a handler, or a refusal with a reason and a way out."""

from typing import Any

import numpy.typing as npt

from edgeseq.frontend.handlers import (
    activation,
    attention,
    compact,
    convolution,
    dense,
    entry,
    normalize,
    pooling,
    qat,
    recurrent,
    window,
)
from edgeseq.frontend.handlers.chain import Chain, Handler, Refusal
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Lstm, Mgu, SimpleRnn

CELLS: dict[str, Handler] = {
    "GRU": recurrent.gru,
    "LSTM": recurrent.plain_cell(Lstm, gates=4),
    "SimpleRNN": recurrent.plain_cell(SimpleRnn, gates=1),
    "MGU": recurrent.plain_cell(Mgu, gates=2),
    "MinGRU": compact.min_gru,
    "FastGRNN": compact.fast_grnn,
}

HANDLERS: dict[str, Handler] = {
    "InputLayer": entry.input_layer,
    "Normalization": entry.normalization,
    **CELLS,
    "Dense": dense.dense,
    "Activation": activation.activation,
    "ReLU": activation.activation,
    "LeakyReLU": activation.activation,
    "ELU": activation.activation,
    "PReLU": activation.prelu,
    "Softmax": activation.activation,
    "Dropout": entry.dropout,
    "SpatialDropout1D": entry.dropout,
    "QatInput": qat.entry,
    "QatGRU": qat.gru,
    "QatLSTM": qat.lstm,
    "QatSimpleRNN": qat.simple_rnn,
    "QatMGU": qat.mgu,
    "QatMinGRU": qat.min_gru,
    "QatFastGRNN": qat.fast_grnn,
    "QatDense": qat.dense,
    "GlobalAveragePooling1D": pooling.global_pool("average"),
    "GlobalMaxPooling1D": pooling.global_pool("max"),
    "LayerNormalization": normalize.layer_normalization,
    "BatchNormalization": normalize.batch_normalization,
    "ZeroPadding1D": convolution.zero_padding,
    "Conv1D": convolution.conv1d,
    "DepthwiseConv1D": convolution.depthwise_conv1d,
    "SeparableConv1D": convolution.separable_conv1d,
    "TimeDistributed": dense.time_distributed,
    "Embedding": entry.embedding,
    "Bidirectional": window.bidirectional(CELLS),
    "MultiHeadAttention": attention.multi_head_attention,
}
# What readers of other files make beside Keras' layers; no class of Keras has these names.
INTERNAL: dict[str, Handler] = {
    "LastStep": window.last_step,
    "Reverse": window.reverse,
    "Affine": normalize.affine,
}
# What may stand behind ZeroPadding1D.
READ_PADDING = frozenset({"Conv1D", "DepthwiseConv1D", "SeparableConv1D", "Dropout", "SpatialDropout1D"})

# How many weight arrays at the end are no parameters; all of a Normalization's.
_NOT_TRAINABLE = {
    "Normalization": 3,
    "QatGRU": 4,
    "QatLSTM": 4,
    "QatSimpleRNN": 4,
    "QatMGU": 4,
    "QatMinGRU": 2,
    "QatDense": 2,
    "BatchNormalization": 2,
    "Affine": 2,
}

SUPPORTED = f"supported layers: {', '.join(HANDLERS)}"

FEWER_STEPS = (
    "pooling over a few steps gives fewer of them than it reads, and a stream gives one output a step; use a dilated "
    "causal convolution or a global pooling, or feed the data at the lower rate"
)
REFUSED = {
    "MaxPooling1D": FEWER_STEPS,
    "AveragePooling1D": FEWER_STEPS,
    "Lambda": "a Lambda layer is Python code inside the file; edgeseq never runs it. Rewrite it with standard layers",
    "Masking": "masking skips padded steps, and a stream has none; drop the layer and feed only valid steps",
    "Add": "adds two branches that start at the same layer; this one joins none",
    "Conv1DTranspose": "makes more time steps than it reads; a stream gives one output a step",
    "UpSampling1D": "makes more time steps than it reads; a stream gives one output a step",
    "Cropping1D": "removes time steps; a stream gives one output a step. Cut the data instead",
    "Flatten": "flattening needs all time steps at once; use return_sequences=False on the layer before, or pool over time",
    "Sequential": "a model inside a model; rebuild it as one flat chain of layers",
    "Functional": "a model inside a model; rebuild it as one flat chain of layers",
    "RNN": "a custom RNN cell; use keras.layers.GRU, LSTM or SimpleRNN",
    "CuDNNGRU": "a GPU-only layer; load its weights into keras.layers.GRU(reset_after=True)",
    "CuDNNLSTM": "a GPU-only layer; load its weights into keras.layers.LSTM",
}


# What of each layer is supported, for the documents.
NOTES: dict[str, str] = {
    "InputLayer": "(batch, time, features)",
    "Normalization": "once, as the first layer; part of the input quantiser",
    "GRU": "reset_after both ways; tanh, sigmoid, hard_sigmoid, relu, linear; go_backwards",
    "LSTM": "tanh, sigmoid, hard_sigmoid, relu, linear; go_backwards",
    "SimpleRNN": "tanh, sigmoid, hard_sigmoid, relu, linear; go_backwards",
    "MGU": "edgeseq.train; minimal gated unit",
    "MinGRU": "edgeseq.train; no recurrent matrix",
    "FastGRNN": "edgeseq.train; full and low rank",
    "Dense": "any activation of Keras; softmax at the end",
    "Activation": "any function of single values; softmax at the end",
    "ReLU": "max_value, negative_slope, threshold",
    "LeakyReLU": "slopes up to 1",
    "ELU": "any alpha",
    "PReLU": "one slope per feature",
    "Softmax": "at the end; the integer outputs are its logits",
    "Dropout": "nothing is left of it",
    "SpatialDropout1D": "nothing is left of it",
    "QatInput": "edgeseq train --qat; the codes that the model was trained with",
    "QatGRU": "edgeseq train --qat; its own integers",
    "QatLSTM": "edgeseq train --qat; its own integers",
    "QatSimpleRNN": "edgeseq train --qat; its own integers",
    "QatMGU": "edgeseq train --qat; its own integers",
    "QatMinGRU": "edgeseq train --qat; its own integers",
    "QatFastGRNN": "edgeseq train --qat; its own integers",
    "QatDense": "edgeseq train --qat; its own integers",
    "GlobalAveragePooling1D": "streams the mean so far",
    "GlobalMaxPooling1D": "streams the maximum so far",
    "LayerNormalization": "over features",
    "BatchNormalization": "folded into the layer before or the input, or a gain and offset per feature",
    "ZeroPadding1D": "in front of a convolution with padding='valid', which it makes causal",
    "Conv1D": "causal, any dilation, strides 1, with a ring buffer",
    "DepthwiseConv1D": "causal, any dilation, strides 1, with a ring buffer",
    "SeparableConv1D": "causal, any dilation, strides 1, with a ring buffer",
    "TimeDistributed": "of a Dense layer",
    "Embedding": "as the first layer; token ids are the input codes",
    "Bidirectional": "whole windows; concat, sum, mul, ave",
    "MultiHeadAttention": "whole windows; self-attention without a mask",
}


def trainable(layer: SourceLayer) -> tuple[npt.NDArray[Any], ...]:
    """The arrays that training moves."""
    if layer.class_name == "QatFastGRNN":
        fixed = qat.row_factors_of_fast_grnn(layer.config)
    else:
        fixed = _NOT_TRAINABLE.get(layer.class_name, 0)
    return layer.weights[: max(0, len(layer.weights) - fixed)]


__all__ = ["HANDLERS", "INTERNAL", "NOTES", "READ_PADDING", "REFUSED", "SUPPORTED", "Chain", "Handler", "Refusal", "trainable"]
