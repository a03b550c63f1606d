"""How each Keras layer becomes a layer that computes with integers: one planner per kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeseq.arith.matmul import (
    OUTPUT_HEADROOM,
    SCHEME_PARTS,
    FloatArray,
    Operand,
    Scheme,
    WeightBits,
    choose_cell_shift,
    choose_output,
    choose_preactivation,
    doubled_input,
    int16_operand,
    whole_input,
)
from edgeseq.arith.scale import Q15, Scale
from edgeseq.train.qat.layers import QatDense, QatGRU, QatLSTM, QatSimpleRNN
from edgeseq.train.qat.ranges import run_recurrent
from edgeseq.train.qat.rows import row_factors


@dataclass(frozen=True, slots=True)
class Schemes:
    """The model's scheme, and those of single layers by name. A Dense layer keeps 8-bit weights unless it is named."""

    scheme: Scheme
    single: dict[str, Scheme]

    def of(self, layer: Any) -> Scheme:
        """That of a recurrent layer."""
        return self.single.get(layer.name, self.scheme)

    def dense_bits(self, layer: Any) -> WeightBits:
        """Weight bits of a Dense layer."""
        return SCHEME_PARTS[self.single[layer.name]][1] if layer.name in self.single else 8


@dataclass(frozen=True, slots=True, eq=False)
class Between:
    """What is known between two layers: float values (batch, time, n), and how the integers stand for them."""

    values: FloatArray
    scale: Scale
    input_dtype: Operand | None = None
    zero_point: int = 0

    @property
    def bound(self) -> float:
        """Largest real magnitude that an int16 tensor of this scale can hold."""
        return 32768 * self.scale.value

    @property
    def config(self) -> dict[str, Any]:
        """As the layer that reads it is told."""
        return {"in_scale": pair(self.scale), "code_dtype": self.input_dtype, "zero_point": self.zero_point}


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """A layer of the new model, what its output is like, and what to call once it is built."""

    layer: Any
    after: Between
    settle: Callable[[], None] = field(default=lambda: None)


def pair(scale: Scale) -> tuple[int, int]:
    """A scale as a configuration holds it."""
    return scale.mantissa, scale.exponent


def recurrent(layer: Any, before: Between, schemes: Schemes, *, activation: str, last: bool) -> Planned:
    """GRU, LSTM, SimpleRNN: ranges from the float layer, row factors from its weights."""
    kind, what, scheme = type(layer).__name__, f"layer {layer.name!r}", schemes.of(layer)
    run = run_recurrent(layer, before.values)
    weights = [np.asarray(w, np.float64) for w in layer.get_weights()]
    kernel, recurrent_kernel = weights[0], weights[1]
    rows = kernel.shape[1]
    bias = weights[2] if len(weights) > 2 else np.zeros(rows)
    apart = np.zeros(rows)
    merged = bias.sum(axis=0) if bias.ndim == 2 else bias
    if bias.ndim == 2:
        candidate = slice(2 * layer.units, None)
        merged[candidate], apart[candidate] = bias[0, candidate], bias[1, candidate]
    operand, bits = SCHEME_PARTS[scheme]
    x_enters = doubled_input(before.scale, operand, before.input_dtype, before.zero_point)
    shift, (for_input, for_state) = choose_preactivation(
        what,
        run.parts,
        lambda scale: [
            row_factors(kernel, merged, x_enters, scale, bits),
            row_factors(recurrent_kernel, apart, int16_operand(Q15, operand), scale, bits),
        ],
    )
    common = {"return_sequences": layer.return_sequences, "name": layer.name, **before.config}
    match kind:
        case "GRU":
            built: Any = QatGRU(layer.units, scheme, shift, reset_after=layer.reset_after, **common)
        case "LSTM":
            built = QatLSTM(layer.units, scheme, shift, cell_shift=choose_cell_shift(what, run.cell), **common)
        case _:
            built = QatSimpleRNN(layer.units, scheme, shift, **common)

    def settle() -> None:
        built.input_matrix.kernel.assign(kernel)
        built.recurrent_matrix.kernel.assign(recurrent_kernel)
        built.bias.assign(merged)
        if kind == "GRU" and layer.reset_after:
            built.candidate_bias.assign(apart[2 * layer.units :])
        built.input_matrix.adopt(for_input)
        built.recurrent_matrix.adopt(for_state)

    values = run.states if layer.return_sequences else run.states[:, -1:]
    return Planned(built, Between(values, Q15), settle)


def dense(layer: Any, before: Between, schemes: Schemes, *, activation: str, last: bool) -> Planned:
    """A Dense layer with the activation that follows it."""
    kernel = np.asarray(layer.kernel, np.float64)
    bias = np.zeros(layer.units) if layer.bias is None else np.asarray(layer.bias, np.float64)
    what, bits = f"layer {layer.name!r}", schemes.dense_bits(layer)
    entering = whole_input(before.scale, before.input_dtype, before.zero_point)
    values = before.values @ kernel + bias
    reached = float(np.abs(values).max())
    common = {"name": layer.name, "bits": bits, **before.config}
    if activation in ("sigmoid", "tanh"):
        shift, (chosen,) = choose_preactivation(what, reached, lambda s: [row_factors(kernel, bias, entering, s, bits)])
        built = QatDense(layer.units, activation, preactivation_shift=shift, **common)
        after = Between(np.tanh(values) if activation == "tanh" else 0.5 + 0.5 * np.tanh(0.5 * values), Q15)
    else:
        worst = float((np.abs(kernel).sum(axis=0) * before.bound + np.abs(bias)).max(initial=0.0))
        # As in quantisation after training: room for unseen inputs at the end, a tight range between layers.
        reach = min(worst, OUTPUT_HEADROOM * reached) if last else reached
        out_scale, chosen = choose_output(what, reach, lambda s: row_factors(kernel, bias, entering, s, bits))
        built = QatDense(layer.units, activation, out_scale=pair(out_scale), **common)
        after = Between(np.maximum(values, 0.0) if activation == "relu" else values, out_scale)

    def settle() -> None:
        built.matrix.kernel.assign(kernel)
        built.bias.assign(bias)
        built.matrix.adopt(chosen)

    return Planned(built, after, settle)


def as_it_is(layer: Any, before: Between, schemes: Schemes, *, activation: str, last: bool) -> Planned:
    """Dropout, a ReLU after a recurrent layer, a final softmax: exact on any integers, or train-time only."""
    values = np.maximum(before.values, 0.0) if activation == "relu" else before.values
    copied = type(layer).from_config(layer.get_config())
    return Planned(copied, Between(values, before.scale, before.input_dtype, before.zero_point))


PLANNERS: dict[str, Callable[..., Planned]] = {
    "GRU": recurrent,
    "LSTM": recurrent,
    "SimpleRNN": recurrent,
    "Dense": dense,
    "Activation": as_it_is,
    "ReLU": as_it_is,
    "Softmax": as_it_is,
    "Dropout": as_it_is,
}
