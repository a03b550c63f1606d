"""Cells by name. A new cell is one entry: name -> function that builds its Keras layer."""

from __future__ import annotations

from typing import Any, Protocol


class CellBuilder(Protocol):
    """Builds one recurrent layer. keras: the module; units: hidden size; name: of the layer.

    The layer maps (batch, time, features) to (batch, time, units), or to (batch, units) without return_sequences,
    and takes Keras's `mask`. `keras.RNN` of a cell does both.
    """

    def __call__(self, keras: Any, units: int, *, return_sequences: bool, name: str) -> Any:
        """Return the layer, not yet built."""
        ...


def _gru(keras: Any, units: int, *, return_sequences: bool, name: str) -> Any:
    return keras.layers.GRU(units, return_sequences=return_sequences, name=name)


def _lstm(keras: Any, units: int, *, return_sequences: bool, name: str) -> Any:
    return keras.layers.LSTM(units, return_sequences=return_sequences, name=name)


def _rnn(keras: Any, units: int, *, return_sequences: bool, name: str) -> Any:
    return keras.layers.SimpleRNN(units, return_sequences=return_sequences, name=name)


CELLS: dict[str, CellBuilder] = {"gru": _gru, "lstm": _lstm, "rnn": _rnn}
