"""GRU, LSTM and RNN nodes of one direction or of both: weights stacked as ONNX has them, and attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.arith.matmul import largest_code, round_weights
from edgeseq.graph import Bidirectional, Gru, LastStep, Layer, Lstm, Reverse, SimpleRnn
from edgeseq.graph.layers import CellFunction, FloatArray, PairRecurrent

# (function of ONNX, alpha, beta); alpha and beta of those that take them.
_CELL_FUNCTIONS: dict[CellFunction, tuple[str, float | None, float | None]] = {
    "tanh": ("Tanh", None, None),
    "sigmoid": ("Sigmoid", None, None),
    "relu": ("Relu", None, None),
    "linear": ("Affine", 1.0, 0.0),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "hard_sigmoid_keras2": ("HardSigmoid", 0.2, 0.5),
}
# Keras' gates as ONNX orders them: GRU z r h as is, LSTM i f c o as i o f c.
_ORDER = {Gru: (0, 1, 2), Lstm: (0, 3, 1, 2), SimpleRnn: (0,)}
_OPS = {Gru: "GRU", Lstm: "LSTM", SimpleRnn: "RNN"}


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """A node of one or two directions. kernel, recurrent: (directions, gate rows, columns); bias: (directions, 2 * gate rows)."""

    op: str
    kernel: FloatArray
    recurrent: FloatArray
    bias: FloatArray
    attributes: dict[str, Any]


def pack(*cells: PairRecurrent) -> Packed:
    """One cell, or the forward and the backward one of a layer that `both_directions` found."""
    first = cells[0]
    kind: Any = type(first)
    rows = [_rows(cell, _ORDER[kind]) for cell in cells]
    kernel, recurrent, bias = (np.stack(arrays) for arrays in zip(*rows, strict=True))
    described = [_CELL_FUNCTIONS[function] for cell in cells for function in _functions(cell)]
    attributes: dict[str, Any] = {"hidden_size": first.units, "activations": [name for name, _, _ in described]}
    alphas = [alpha for _, alpha, _ in described if alpha is not None]
    if alphas:
        attributes |= {"activation_alpha": alphas, "activation_beta": [beta for _, _, beta in described if beta is not None]}
    if isinstance(first, Gru):
        attributes["linear_before_reset"] = int(first.reset_after)
    if len(cells) == 2:
        attributes["direction"] = "bidirectional"
    return Packed(_OPS[kind], kernel, recurrent, bias, attributes)


def _rows(cell: PairRecurrent, order: tuple[int, ...]) -> tuple[FloatArray, FloatArray, FloatArray]:
    bias = cell.bias if cell.bias.ndim == 2 else np.stack([cell.bias, np.zeros_like(cell.bias)])
    kernel, recurrent, *biases = (_gates(array, order) for array in (cell.kernel.T, cell.recurrent_kernel.T, *bias))
    return kernel, recurrent, np.concatenate(biases)


def _gates(rows: FloatArray, order: tuple[int, ...]) -> FloatArray:
    blocks = np.split(rows, len(order))
    return np.concatenate([blocks[at] for at in order])


def _functions(cell: PairRecurrent) -> tuple[CellFunction, ...]:
    if isinstance(cell, Gru | Lstm):
        return (cell.recurrent_activation, cell.activation, cell.activation)[: 2 if isinstance(cell, Gru) else 3]
    return cell.functions


def both_directions(layer: Bidirectional) -> tuple[PairRecurrent, PairRecurrent, bool] | None:
    """The two cells where one node has both, and whether it gives their last states alone; None where the halves are unlike."""
    match layer.forward, layer.backward:
        case (Gru() | Lstm() | SimpleRnn() as one,), (Reverse(), Gru() | Lstm() | SimpleRnn() as two, Reverse()):
            last = False
        case (Gru() | Lstm() | SimpleRnn() as one, LastStep()), (Reverse(), Gru() | Lstm() | SimpleRnn() as two, LastStep()):
            last = True
        case _:
            return None
    alike = type(one) is type(two) and one.units == two.units and _resets_after(one) == _resets_after(two)
    return (one, two, last) if alike else None


def _resets_after(cell: Layer) -> bool:
    return isinstance(cell, Gru) and cell.reset_after


def quantize_rows(weight: FloatArray) -> tuple[npt.NDArray[np.uint8], FloatArray, npt.NDArray[np.uint8]]:
    """Codes (directions, columns, rows), scales and zero points (directions, rows) of weights (directions, rows, columns).

    Codes are unsigned, since onnxruntime's products of uint8 and int8 saturate in int16 on CPUs without VNNI: on such a
    one, the states of an LSTM of 32 units came out at 19 dB from int8, and at 46 dB from the same weights as uint8.
    """
    largest = np.abs(weight).max(axis=2)
    scales = np.where(largest > 0, largest, 1.0) / largest_code(8)
    codes = [round_weights(matrix, scale, 8).T for matrix, scale in zip(weight, scales, strict=True)]
    return (np.stack(codes).astype(np.int16) + 128).astype(np.uint8), scales, np.full(scales.shape, 128, np.uint8)
