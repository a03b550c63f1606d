"""LSTM layers as UNIDIRECTIONAL_SEQUENCE_LSTM, whose arithmetic is the kernel's own.

int8 input, weights and hidden state, int16 cell, gates by sigmoid and tanh of Q3.12: what the 8x8_16 kernels of LiteRT
and TensorFlow Lite for Microcontrollers have in common. They requantise in another order than `edgeseq.arith` and keep
8 bits of the hidden state, so nothing here can equal the oracle; `edgeseq.measure.fused` measures by how much.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from tflite import ActivationFunctionType
from tflite import BuiltinOperator as Code

from edgeseq.arith.scale import Q7
from edgeseq.errors import TargetError
from edgeseq.export.operators import Port, Tensor
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.lowerings import lower_chain
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.export.tflite.emit import Subgraph
from edgeseq.export.tflite.file import OperatorRecord, Options
from edgeseq.graph import Lstm
from edgeseq.quantize.types import (
    MAX_WINDOW_STEPS,
    QuantDense,
    QuantDepthwise,
    QuantElementwise,
    QuantGraph,
    QuantLstm,
    QuantNormalize,
)

_GATES = ("input", "forget", "cell", "output")
# The kernels' tanh of the cell takes 0 to 6 integer bits.
_MAX_CELL_SHIFT = 6
# What may stand behind the LSTM layers: nothing that carries anything or sees several steps.
_BEHIND = (QuantDense, QuantDepthwise, QuantElementwise, QuantNormalize)
_OPTIONS = Options("UnidirectionalSequenceLSTMOptions", (("FusedActivationFunction", ActivationFunctionType.TANH),))
_ABSENT = -1


def check_fused(graph: QuantGraph, steps: int | None) -> int:
    """Return the time steps of a call. Raises TargetError, with the reason, for a model that the kernel cannot run."""
    count = 1 if steps is None else steps
    if not 1 <= count <= MAX_WINDOW_STEPS:
        raise TargetError(f"{count} steps; expected 1 to {MAX_WINDOW_STEPS}")
    if graph.window_reason is not None:
        raise TargetError(
            f"model {graph.name!r} has no form 'fused': {graph.window_reason}. Export it as a window (--form window)"
        )
    front = _front(graph)
    if not front:
        raise TargetError(
            f"model {graph.name!r} has no form 'fused': its first layer, {graph.layers[0].name!r}, is {_kind(graph.layers[0])}; "
            "the fused operator is an LSTM that reads the model's input. Use --form step"
        )
    for lstm in front:
        _check_lstm(lstm)
    for layer in graph.layers[len(front) :]:
        if not isinstance(layer, _BEHIND):
            raise TargetError(
                f"layer {layer.name!r}: {_kind(layer)} behind a fused LSTM; only LSTM layers and, behind them, layers of single "
                "time steps (Dense, activations) go with --form fused. Use --form step"
            )
    return count


def _kind(layer: object) -> str:
    return type(layer).__name__.removeprefix("Quant")


def _front(graph: QuantGraph) -> list[QuantLstm]:
    """The LSTM layers that the model begins with."""
    front = []
    for layer in graph.layers:
        if not isinstance(layer, QuantLstm):
            break
        front.append(layer)
    return front


def _check_lstm(layer: QuantLstm) -> None:
    if (layer.activation, layer.recurrent_activation) != ("tanh", "sigmoid"):
        raise TargetError(
            f"layer {layer.name!r}: activation {layer.activation!r} and recurrent_activation {layer.recurrent_activation!r}; the "
            "fused operator computes tanh and sigmoid alone. Use --form step"
        )
    if layer.operand != "int8" or any(matrix.bits != 8 for matrix in layer.matrices):
        bits = min(matrix.bits for matrix in layer.matrices)
        raise TargetError(
            f"layer {layer.name!r}: products of {layer.operand} with {bits}-bit weights; the fused operator multiplies int8 by "
            "8-bit weights. Quantise it with --scheme int8, or use --form step"
        )
    if layer.cell_shift > _MAX_CELL_SHIFT:
        raise TargetError(
            f"layer {layer.name!r}: its cell reaches 2^{layer.cell_shift}; the fused operator holds up to 2^{_MAX_CELL_SHIFT}. "
            "Use --form step"
        )


def write_fused(graph: QuantGraph, main: Subgraph, steps: int) -> tuple[Port, Port, tuple[str, ...]]:
    """Add the operators of one call; returns x, y and the names of the states, tensors of the interpreter that last."""
    entry, features = graph.input, graph.input.size
    x = Tensor((1, features) if steps == 1 else (1, steps, features), entry.dtype, entry.scale, entry.zero_point)
    source = main.number(x)
    scale, point = entry.scale.value, entry.zero_point
    if entry.dtype == "int16":  # codes of 15 bits: their top 8
        scale = entry.scale.times_power_of_two(7).value
        source = _added(main, Code.QUANTIZE, source, main.tensor(x.shape, "int8", np.array([scale])), Options("QuantizeOptions"))
    if steps == 1:
        source = _reshaped(main, source, (1, 1, features), scale, point)
    names: list[str] = []
    for layer in _front(graph):
        float_layer = next(found for found in graph.source.recurrent if found.name == layer.name)
        assert isinstance(float_layer, Lstm)
        source = _lstm(main, float_layer, layer, source, scale, point, steps)
        scale, point = Q7.value, 0
        names += [f"{layer.name}/h", f"{layer.name}/c"]
    hidden = Tensor((steps, graph.layers[len(names) // 2 - 1].units), "int8", Q7)
    _reshaped(main, source, hidden.shape, scale, point, main.number(hidden))
    build = Builder()
    rows = Steps(build, whole=build.widen(hidden, 8))
    result = lower_chain(build, graph.layers[len(names) // 2 :], rows, codes=False).whole
    y = build.reshape(result, (1, result.units) if steps == 1 else (1, *result.shape))
    for operator in build.operators:
        main.emit(operator)
    return Port("x", x), Port("y", y), tuple(names)


def _lstm(main: Subgraph, layer: Lstm, integers: QuantLstm, source: int, scale: float, point: int, steps: int) -> int:
    """Add one layer that reads int8 (1, steps, features); returns its hidden states, int8 (1, steps, units)."""
    units = layer.units
    kernels = [_rounded(block) for block in np.split(layer.kernel.T, len(_GATES))]
    recurrent = [_rounded(block) for block in np.split(layer.recurrent_kernel.T, len(_GATES))]
    weights = [main.tensor(codes.shape, "int8", step, data=codes) for codes, step in (*kernels, *recurrent)]
    biases = []
    for bias, (_, step) in zip(np.split(layer.bias, len(_GATES)), kernels, strict=True):
        # The kernels add a bias to the accumulator of the input, in steps of both scales.
        worth = (step * scale).astype(np.float32).astype(np.float64)
        codes = np.clip(np.rint(bias / worth), -(2**31), 2**31 - 1).astype(np.int32)
        biases.append(main.tensor((units,), "int32", worth, data=codes))
    cell_scale = np.array([2.0 ** (integers.cell_shift - 15)])
    hidden = main.variable((1, units), "int8", np.array([Q7.value]), f"{layer.name}/h")
    cell = main.variable((1, units), "int16", cell_scale, f"{layer.name}/c")
    out = main.tensor((1, steps, units), "int8", np.array([Q7.value]))
    # LiteRT reads the last one's scale even where nothing is projected; TFLM wants all of them empty.
    gates = [main.tensor((0,), "int16", np.array([2.0**-12])) for _ in _GATES]
    inside = (*gates, main.tensor((0,), "int8", np.array([Q7.value])))
    none = (_ABSENT,)
    inputs = (source, *weights, *none * 3, *biases, *none * 2, hidden, cell, *none * 4)
    main.record.operators.append(OperatorRecord(Code.UNIDIRECTIONAL_SEQUENCE_LSTM, 3, inputs, (out,), _OPTIONS, inside))
    return out


def _rounded(matrix: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    """One gate's rows in int8, symmetric, with the one scale that the operator has for all of them."""
    largest = float(np.abs(matrix).max())
    step = np.array([largest / 127 if largest else 1.0], np.float32).astype(np.float64)
    return np.clip(np.rint(matrix / step), -127, 127).astype(np.int8), step


def _added(main: Subgraph, code: int, source: int, target: int, options: Options) -> int:
    main.add(code, (source,), (target,), options)
    return target


def _reshaped(main: Subgraph, source: int, shape: tuple[int, ...], scale: float, point: int, target: int | None = None) -> int:
    number = main.tensor(shape, "int8", np.array([scale]), point) if target is None else target
    main.add(Code.RESHAPE, (source, main.constant(np.array(shape, np.int32))), (number,), Options("ReshapeOptions"))
    return number
