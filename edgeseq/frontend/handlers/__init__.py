"""How each Keras layer is read: a handler, or a refusal with a reason and a way out."""

from edgeseq.frontend.handlers import dense, entry, recurrent, window
from edgeseq.frontend.handlers.chain import Chain, Handler, Refusal
from edgeseq.graph import Lstm, SimpleRnn

CELLS: dict[str, Handler] = {
    "GRU": recurrent.gru,
    "LSTM": recurrent.plain_cell(Lstm, gates=4),
    "SimpleRNN": recurrent.plain_cell(SimpleRnn, gates=1),
}

HANDLERS: dict[str, Handler] = {
    "InputLayer": entry.input_layer,
    "Normalization": entry.normalization,
    **CELLS,
    "Dense": dense.dense,
    "Activation": dense.activation,
    "ReLU": dense.activation,
    "Softmax": dense.activation,
    "Dropout": entry.dropout,
    "Bidirectional": window.bidirectional(CELLS),
}

SUPPORTED = f"supported layers: {', '.join(HANDLERS)}"

REFUSED = {
    "Lambda": "a Lambda layer is Python code inside the file; edgeseq never runs it. Rewrite it with standard layers",
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
