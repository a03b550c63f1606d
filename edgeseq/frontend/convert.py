"""SourceModel -> Graph. Each layer is handled or refused with a reason and a way out.

To support another Keras layer, write a handler and name it in `HANDLERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import numpy as np

from edgeseq.frontend.source import Config, SourceLayer, SourceModel
from edgeseq.graph import Activate, Dense, Graph, Gru, Layer, Lstm, Normalization, Recurrent, SimpleRnn
from edgeseq.graph.layers import ActivationName, FloatArray

MAX_UNITS = 65535  # sizes are uint16 in the C kernels
DENSE_ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "softmax")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a layer cannot become integer code, and what to do instead."""

    layer: str
    reason: str


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One row of `edgeseq inspect`. reason: why it is refused, or a note on how it is read."""

    name: str
    kind: str
    supported: bool
    reason: str | None


@dataclass(slots=True)
class _Chain:
    """What is known of the data between two layers while the chain is walked."""

    features: int | None = None
    input_size: int | None = None
    time_steps: int | None = None
    has_time_axis: bool = True
    normalization: Normalization | None = None
    ended: bool = False  # a softmax closes the model
    layers: list[Layer] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Conversion:
    """graph is None when any layer was refused."""

    graph: Graph | None
    rows: tuple[LayerReport, ...]
    parameters: int

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The refused layers with their reasons."""
        return tuple(Refusal(row.name, row.reason or "") for row in self.rows if not row.supported)


# A handler appends to the chain and returns None, a note, or a Refusal.
Handler: TypeAlias = Callable[[SourceLayer, _Chain], "str | Refusal | None"]


def convert(source: SourceModel) -> Conversion:
    """Walk the chain once; every layer gets a row, also after a refusal."""
    chain = _Chain()
    rows = []
    for layer in source.layers:
        outcome = _handle(layer, chain)
        refused = isinstance(outcome, Refusal)
        rows.append(
            LayerReport(layer.name, layer.class_name, not refused, outcome.reason if isinstance(outcome, Refusal) else outcome)
        )
    parameters = sum(w.size for layer in source.layers if layer.class_name != "Normalization" for w in layer.weights)
    if chain.input_size is None and chain.layers and isinstance(chain.layers[0], Dense | Recurrent):
        chain.input_size = chain.layers[0].kernel.shape[0]
    if all(row.supported for row in rows) and not any(isinstance(x, Recurrent) for x in chain.layers):
        last = rows[-1]
        reason = "the model has no recurrent layer; edgeseq needs at least one GRU, LSTM or SimpleRNN"
        rows[-1] = LayerReport(last.name, last.kind, supported=False, reason=reason)
    if not all(row.supported for row in rows):
        return Conversion(None, tuple(rows), parameters)
    graph = Graph(
        source.name,
        cast("int", chain.input_size),
        chain.normalization,
        tuple(chain.layers),
        chain.has_time_axis,
        chain.time_steps,
    )
    return Conversion(graph, tuple(rows), parameters)


def _handle(layer: SourceLayer, chain: _Chain) -> str | Refusal | None:
    handler = HANDLERS.get(layer.class_name)
    if handler is None:
        reason = REFUSED.get(layer.class_name, f"no integer form of {layer.class_name} exists in edgeseq yet; {_SUPPORTED}")
        return Refusal(layer.name, reason)
    if chain.ended and layer.class_name != "Dropout":
        return Refusal(layer.name, "a softmax is only supported as the last layer; remove it or what follows")
    shape = layer.config.get("batch_shape") or layer.config.get("batch_input_shape")
    if shape is not None and (refusal := _read_input_shape(layer, shape, chain)):
        return refusal
    return handler(layer, chain)


def _read_input_shape(layer: SourceLayer, shape: Any, chain: _Chain) -> Refusal | None:
    if (
        not isinstance(shape, list | tuple)
        or len(shape) != 3
        or not isinstance(shape[2], int)
        or not 1 <= shape[2] <= MAX_UNITS
        or not (shape[1] is None or (isinstance(shape[1], int) and shape[1] >= 1))
    ):
        return Refusal(layer.name, f"input shape {shape} is not (batch, time, features) with 1 to {MAX_UNITS} features")
    chain.time_steps, chain.features, chain.input_size = shape[1], shape[2], shape[2]
    return None


def _input_layer(layer: SourceLayer, chain: _Chain) -> str | Refusal | None:
    if layer.config.get("ragged") or layer.config.get("sparse"):
        return Refusal(layer.name, "ragged or sparse input; feed plain arrays of one time step at a time")
    return None


def _dropout(layer: SourceLayer, chain: _Chain) -> str | Refusal | None:
    return "train-time only; nothing is exported"


def _normalization(layer: SourceLayer, chain: _Chain) -> str | Refusal | None:
    config = layer.config
    if chain.layers or chain.normalization is not None:
        return Refusal(layer.name, "Normalization is only supported once, as the first layer")
    axis = config.get("axis", [-1])
    if axis not in ([-1], -1, [2], 2, (-1,), (2,), None, []) or config.get("invert"):
        return Refusal(layer.name, f"Normalization over axis {axis} (invert={config.get('invert')}); only axis=-1 is supported")
    if layer.weights:
        mean, variance = layer.weights[0], layer.weights[1]
    elif config.get("mean") is not None and config.get("variance") is not None:
        try:
            mean, variance = (np.asarray(config[key], dtype=np.float64) for key in ("mean", "variance"))
        except (ValueError, TypeError):
            return Refusal(layer.name, "mean and variance in the config are not numbers")
    else:
        return Refusal(layer.name, "Normalization was never adapted; call layer.adapt(data) before saving")
    size = chain.features or mean.size
    mean, variance = mean.reshape(-1), variance.reshape(-1)
    if mean.size not in (1, size) or variance.size != mean.size or not np.isfinite(mean).all() or not (variance >= 0).all():
        return Refusal(layer.name, f"mean {mean.shape} and variance {variance.shape} do not fit {size} features")
    # Keras divides by max(std, epsilon) with epsilon 1e-7.
    std = np.maximum(np.sqrt(variance), 1e-7)
    chain.normalization = Normalization(np.broadcast_to(mean, (size,)).copy(), np.broadcast_to(std, (size,)).copy())
    return "becomes part of the input quantiser"


def _recurrent_refusal(layer: SourceLayer, chain: _Chain, gates: bool) -> Refusal | None:
    config = layer.config
    if not chain.has_time_axis:
        return Refusal(layer.name, "the layer before returns only its last step; set return_sequences=True there")
    if config.get("return_state"):
        return Refusal(
            layer.name, "return_state=True makes the state an output; the C code has get_state for that, so save without it"
        )
    if config.get("go_backwards"):
        return Refusal(
            layer.name, "go_backwards=True needs the whole window before its first step; a stream has no end to start from"
        )
    if config.get("time_major"):
        return Refusal(layer.name, "time_major=True; use (batch, time, features)")
    wanted = [("activation", "tanh")] + ([("recurrent_activation", "sigmoid")] if gates else [])
    for key, expected in wanted:
        if config.get(key, expected) != expected:
            return Refusal(
                layer.name, f"{key}={config[key]!r}; only {expected!r} has an integer form. Retrain with {key}={expected!r}"
            )
    return None


def _checked(layer: SourceLayer, chain: _Chain, blocks: int) -> tuple[FloatArray, FloatArray, FloatArray | None] | Refusal:
    """Return (kernel, recurrent_kernel, bias or None) if their shapes fit the config."""
    units: Any = layer.config.get("units")
    biased = layer.config.get("use_bias", True)
    if not isinstance(units, int) or not 1 <= units <= MAX_UNITS:
        return Refusal(layer.name, f"units={units!r}; expected 1 to {MAX_UNITS}")
    if len(layer.weights) != (3 if biased else 2):
        found = len(layer.weights)
        return Refusal(
            layer.name, f"{found} weight arrays; expected {3 if biased else 2}. The file may be damaged; save the model again"
        )
    kernel, recurrent = layer.weights[0], layer.weights[1]
    bias = layer.weights[2] if biased else None
    features = chain.features if chain.features is not None else (kernel.shape[0] if kernel.ndim == 2 else -1)
    if kernel.shape != (features, blocks * units) or recurrent.shape != (units, blocks * units):
        return Refusal(
            layer.name,
            f"kernel {kernel.shape} and recurrent kernel {recurrent.shape} do not fit {features} inputs and units={units}",
        )
    chain.features = units
    chain.has_time_axis = bool(layer.config.get("return_sequences", False))
    return kernel, recurrent, bias


def _gru(layer: SourceLayer, chain: _Chain) -> str | Refusal | None:
    if refusal := _recurrent_refusal(layer, chain, gates=True):
        return refusal
    weights = _checked(layer, chain, 3)
    if isinstance(weights, Refusal):
        return weights
    kernel, recurrent, bias = weights
    width = kernel.shape[1]
    # Before reset_after existed (Keras < 2.1.3) its meaning was False.
    reset_after = bool(layer.config.get("reset_after", False))
    full = np.zeros((2, width))
    if bias is not None:
        if bias.shape != ((2, width) if reset_after else (width,)):
            return Refusal(layer.name, f"bias {bias.shape} does not fit reset_after={reset_after} and {width} rows")
        full[: 2 if reset_after else 1] = bias
    chain.layers.append(Gru(layer.name, kernel, recurrent, full, reset_after))
    return _train_time_note(layer.config)


def _plain_cell(kind: type[Lstm | SimpleRnn], gates: int) -> Handler:
    """Return the handler of a cell with one bias per row; gates: its blocks of rows."""

    def handle(layer: SourceLayer, chain: _Chain) -> str | Refusal | None:
        if refusal := _recurrent_refusal(layer, chain, gates=gates > 1):
            return refusal
        weights = _checked(layer, chain, gates)
        if isinstance(weights, Refusal):
            return weights
        kernel, recurrent, bias = weights
        if bias is not None and bias.shape != (kernel.shape[1],):
            return Refusal(layer.name, f"bias {bias.shape} does not fit {kernel.shape[1]} rows")
        chain.layers.append(kind(layer.name, kernel, recurrent, np.zeros(kernel.shape[1]) if bias is None else bias))
        return _train_time_note(layer.config)

    return handle


def _train_time_note(config: Config) -> str | None:
    if config.get("recurrent_dropout") or config.get("dropout"):
        return "dropout is train-time only; it is ignored at inference"
    return None


def _dense(layer: SourceLayer, chain: _Chain) -> str | Refusal | None:
    config = layer.config
    activation, biased = config.get("activation", "linear"), config.get("use_bias", True)
    units: Any = config.get("units")
    if activation not in DENSE_ACTIVATIONS:
        return Refusal(layer.name, f"activation={activation!r}; expected one of {', '.join(DENSE_ACTIVATIONS)}")
    if len(layer.weights) != (2 if biased else 1):
        return Refusal(layer.name, f"{len(layer.weights)} weight arrays; expected {2 if biased else 1}")
    kernel = layer.weights[0]
    features = kernel.shape[0] if chain.features is None and kernel.ndim else chain.features
    if kernel.ndim != 2 or kernel.shape != (features, units) or not 1 <= units <= MAX_UNITS:
        return Refusal(layer.name, f"kernel {kernel.shape} does not fit {features} inputs and units={units!r}")
    bias = layer.weights[1] if biased else np.zeros(kernel.shape[1])
    if bias.shape != (kernel.shape[1],):
        return Refusal(layer.name, f"bias {bias.shape} does not fit {kernel.shape[1]} outputs")
    chain.features = kernel.shape[1]
    chain.layers.append(Dense(layer.name, kernel, bias, cast("ActivationName", activation)))
    if activation == "softmax":
        chain.ended = True
        return "softmax runs on the float side; the integer output is its logits"
    return None


def _activation(layer: SourceLayer, chain: _Chain) -> str | Refusal | None:
    function = {"ReLU": "relu", "Softmax": "softmax"}.get(layer.class_name) or layer.config.get("activation")
    if not chain.layers and function != "linear":
        return Refusal(layer.name, "an activation before the first recurrent or Dense layer; apply it to the data instead")
    if layer.class_name == "ReLU" and (
        layer.config.get("max_value") is not None or layer.config.get("negative_slope") or layer.config.get("threshold")
    ):
        return Refusal(layer.name, "only the plain ReLU has an integer form: no max_value, negative_slope or threshold")
    if layer.class_name == "Softmax" and layer.config.get("axis", -1) != -1:
        return Refusal(layer.name, f"Softmax over axis {layer.config['axis']}; only the last axis is supported")
    last = chain.layers[-1] if chain.layers else None
    if function == "linear":
        return None
    if isinstance(last, Dense) and last.activation == "linear" and function in DENSE_ACTIVATIONS:
        chain.layers[-1] = Dense(last.name, last.kernel, last.bias, cast("ActivationName", function))
        note: str | None = f"fused into {last.name!r}"
    elif function in ("relu", "softmax"):
        chain.layers.append(Activate(layer.name, cast("Any", function)))
        note = None
    else:
        return Refusal(layer.name, f"{function!r} standing alone; only relu and softmax may. Put it on a Dense layer")
    if function == "softmax":
        chain.ended = True
        note = "softmax runs on the float side; the integer output is its logits"
    return note


HANDLERS: dict[str, Handler] = {
    "InputLayer": _input_layer,
    "Normalization": _normalization,
    "GRU": _gru,
    "LSTM": _plain_cell(Lstm, gates=4),
    "SimpleRNN": _plain_cell(SimpleRnn, gates=1),
    "Dense": _dense,
    "Activation": _activation,
    "ReLU": _activation,
    "Softmax": _activation,
    "Dropout": _dropout,
}

_SUPPORTED = f"supported layers: {', '.join(HANDLERS)}"

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
