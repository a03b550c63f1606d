"""GRU, LSTM, SimpleRNN, and MGU, which is built like them."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeseq.frontend.handlers.chain import MAX_UNITS, Chain, Handler, Refusal
from edgeseq.frontend.handlers.functions import cell_function
from edgeseq.frontend.source import SourceLayer
from edgeseq.graph import Gru, Lstm, Mgu, Recurrent, Reverse, SimpleRnn
from edgeseq.graph.layers import FloatArray


def recurrent_refusal(layer: SourceLayer, chain: Chain) -> Refusal | None:
    """What no recurrent layer can do in a stream."""
    config = layer.config
    if not chain.has_time_axis:
        return Refusal(layer.name, "the layer before returns only its last step; set return_sequences=True there")
    if config.get("return_state"):
        return Refusal(
            layer.name, "return_state=True makes the state an output; the C code has get_state for that, so save without it"
        )
    if config.get("time_major"):
        return Refusal(layer.name, "time_major=True; use (batch, time, features)")
    return None


def _checked(layer: SourceLayer, chain: Chain, blocks: int) -> tuple[FloatArray, FloatArray, FloatArray | None] | Refusal:
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
    return kernel, recurrent, bias


def append_cell(layer: SourceLayer, chain: Chain, cell: Recurrent) -> str | None:
    """Append the cell, with what its direction and its output need; return the note on it."""
    config, notes = layer.config, []
    if config.get("go_backwards"):
        chain.layers.append(Reverse(f"{layer.name}/reverse"))
        notes.append("runs backwards: the model maps whole windows and cannot stream")
    chain.layers.append(cell)
    chain.has_time_axis = bool(config.get("return_sequences", False))
    if config.get("recurrent_dropout") or config.get("dropout"):
        notes.append("dropout is train-time only; it is ignored at inference")
    return "; ".join(notes) or None


def gru(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Both forms, with and without bias."""
    functions = _functions(layer, chain, gated=True)
    if isinstance(functions, Refusal):
        return functions
    weights = recurrent_refusal(layer, chain) or _checked(layer, chain, 3)
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
    return append_cell(layer, chain, Gru(layer.name, kernel, recurrent, full, reset_after, **functions))


def plain_cell(kind: type[Lstm | SimpleRnn | Mgu], gates: int) -> Handler:
    """Return the handler of a cell with one bias per row; gates: its blocks of rows."""

    def handle(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
        functions = {} if kind is Mgu else _functions(layer, chain, gated=kind is Lstm)
        if isinstance(functions, Refusal):
            return functions
        weights = recurrent_refusal(layer, chain) or _checked(layer, chain, gates)
        if isinstance(weights, Refusal):
            return weights
        kernel, recurrent, bias = weights
        if bias is not None and bias.shape != (kernel.shape[1],):
            return Refusal(layer.name, f"bias {bias.shape} does not fit {kernel.shape[1]} rows")
        bias = np.zeros(kernel.shape[1]) if bias is None else bias
        return append_cell(layer, chain, kind(layer.name, kernel, recurrent, bias, **functions))

    return handle


def _functions(layer: SourceLayer, chain: Chain, *, gated: bool) -> dict[str, Any] | Refusal:
    """The cell's functions by the names of their fields."""
    found: dict[str, Any] = {}
    for key, default in (("activation", "tanh"), *((("recurrent_activation", "sigmoid"),) if gated else ())):
        function = cell_function(layer, chain, key, default)
        if isinstance(function, Refusal):
            return function
        found[key] = function
    return found
