"""How each Keras layer is read: a handler, or a refusal with a reason and a way out."""

from typing import Any

import numpy.typing as npt

from edgeseq.frontend.handlers import activation, compact, convolution, dense, entry, normalize, pooling, qat, recurrent
from edgeseq.frontend.handlers.chain import Chain, Handler, Refusal
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Lstm, Mgu, SimpleRnn

HANDLERS: dict[str, Handler] = {
    "InputLayer": entry.input_layer,
    "Normalization": entry.normalization,
    "GRU": recurrent.gru,
    "LSTM": recurrent.plain_cell(Lstm, gates=4),
    "SimpleRNN": recurrent.plain_cell(SimpleRnn, gates=1),
    "MGU": recurrent.plain_cell(Mgu, gates=2),
    "MinGRU": compact.min_gru,
    "FastGRNN": compact.fast_grnn,
    "Dense": dense.dense,
    "Activation": activation.activation,
    "ReLU": activation.activation,
    "LeakyReLU": activation.activation,
    "ELU": activation.activation,
    "PReLU": activation.prelu,
    "Softmax": activation.activation,
    "Dropout": entry.dropout,
    "QatInput": qat.entry,
    "QatGRU": qat.gru,
    "QatLSTM": qat.lstm,
    "QatSimpleRNN": qat.simple_rnn,
    "QatDense": qat.dense,
    "SpatialDropout1D": entry.dropout,
    "GlobalAveragePooling1D": pooling.global_pool("average"),
    "GlobalMaxPooling1D": pooling.global_pool("max"),
    "MaxPooling1D": pooling.strided_pool,
    "AveragePooling1D": pooling.strided_pool,
    "LayerNormalization": normalize.layer_normalization,
    "BatchNormalization": normalize.batch_normalization,
    "ZeroPadding1D": convolution.zero_padding,
    "Conv1D": convolution.conv1d,
    "DepthwiseConv1D": convolution.depthwise_conv1d,
    "SeparableConv1D": convolution.separable_conv1d,
    "TimeDistributed": dense.time_distributed,
    "Embedding": entry.embedding,
}
# What may stand behind ZeroPadding1D.
READ_PADDING = frozenset({"Conv1D", "DepthwiseConv1D", "SeparableConv1D", "Dropout", "SpatialDropout1D"})

# How many weight arrays at the end are no parameters; all of a Normalization's.
_NOT_TRAINABLE = {"Normalization": 3, "QatGRU": 4, "QatLSTM": 4, "QatSimpleRNN": 4, "QatDense": 2, "BatchNormalization": 2}

SUPPORTED = f"supported layers: {', '.join(HANDLERS)}"

REFUSED = {
    "Lambda": "a Lambda layer is Python code inside the file; edgeseq never runs it. Rewrite it with standard layers",
    "Bidirectional": "the backward half needs the whole window before its first step; use a forward GRU or LSTM",
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


def trainable(layer: SourceLayer) -> tuple[npt.NDArray[Any], ...]:
    """The arrays that training moves."""
    return layer.weights[: max(0, len(layer.weights) - _NOT_TRAINABLE.get(layer.class_name, 0))]


__all__ = ["HANDLERS", "READ_PADDING", "REFUSED", "SUPPORTED", "Chain", "Handler", "Refusal", "trainable"]
