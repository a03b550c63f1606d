"""How each Keras layer is read: a handler, or a refusal with a reason and a way out."""

from typing import Any

import numpy.typing as npt

from edgeseq.frontend.handlers import dense, entry, qat, recurrent
from edgeseq.frontend.handlers.chain import Chain, Handler, Refusal
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Lstm, SimpleRnn

HANDLERS: dict[str, Handler] = {
    "InputLayer": entry.input_layer,
    "Normalization": entry.normalization,
    "GRU": recurrent.gru,
    "LSTM": recurrent.plain_cell(Lstm, gates=4),
    "SimpleRNN": recurrent.plain_cell(SimpleRnn, gates=1),
    "Dense": dense.dense,
    "Activation": dense.activation,
    "ReLU": dense.activation,
    "Softmax": dense.activation,
    "Dropout": entry.dropout,
    "QatInput": qat.entry,
    "QatGRU": qat.gru,
    "QatLSTM": qat.lstm,
    "QatSimpleRNN": qat.simple_rnn,
    "QatDense": qat.dense,
}

# How many weight arrays at the end are no parameters; all of a Normalization's.
_NOT_TRAINABLE = {"Normalization": 3, "QatGRU": 4, "QatLSTM": 4, "QatSimpleRNN": 4, "QatDense": 2}

SUPPORTED = f"supported layers: {', '.join(HANDLERS)}"

REFUSED = {
    "Lambda": "a Lambda layer is Python code inside the file; edgeseq never runs it. Rewrite it with standard layers",
    "Bidirectional": "the backward half needs the whole window before its first step; use a forward GRU or LSTM",
    "Masking": "masking skips padded steps, and a stream has none; drop the layer and feed only valid steps",
    "TimeDistributed": "use the inner Dense directly; Keras applies it to every time step",
    "Flatten": "flattening needs all time steps at once; use return_sequences=False on the last recurrent layer",
    "Sequential": "a model inside a model; rebuild it as one flat chain of layers",
    "Functional": "a model inside a model; rebuild it as one flat chain of layers",
    "RNN": "a custom RNN cell; use keras.layers.GRU, LSTM or SimpleRNN",
    "CuDNNGRU": "a GPU-only layer; load its weights into keras.layers.GRU(reset_after=True)",
    "CuDNNLSTM": "a GPU-only layer; load its weights into keras.layers.LSTM",
}


def trainable(layer: SourceLayer) -> tuple[npt.NDArray[Any], ...]:
    """The arrays that training moves."""
    return layer.weights[: max(0, len(layer.weights) - _NOT_TRAINABLE.get(layer.class_name, 0))]


__all__ = ["HANDLERS", "REFUSED", "SUPPORTED", "Chain", "Handler", "Refusal", "trainable"]
