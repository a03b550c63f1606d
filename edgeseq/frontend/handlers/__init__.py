"""How each Keras layer is read: a handler, or a refusal with a reason and a way out."""

from edgeseq.frontend.handlers import activation, compact, dense, entry, recurrent
from edgeseq.frontend.handlers.chain import Chain, Handler, Refusal
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
}

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

__all__ = ["HANDLERS", "REFUSED", "SUPPORTED", "Chain", "Handler", "Refusal"]
