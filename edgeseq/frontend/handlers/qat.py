"""Layers of `edgeseq.train.qat`: ordinary graph layers, and the integer parameters that they were trained with.

Their graph weights are the real values of the integers, rounded as training rounded them, so that the float graph
is the model that was trained and not the unrounded weights behind it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgeseq.arith.matmul import (
    INT32_LIMIT,
    MAX_CELL_SHIFT,
    SCHEME_PARTS,
    MatmulInput,
    Operand,
    WeightBits,
    doubled_input,
    int16_operand,
    round_bias,
    round_weights,
    weight_scales,
    whole_input,
)
from edgeseq.arith.requantize import MAX_MULTIPLIER, MAX_SHIFT, MIN_SHIFT
from edgeseq.arith.scale import MAX_PREACTIVATION_SHIFT, MIN_PREACTIVATION_SHIFT, Q15, Scale, preactivation_scale
from edgeseq.frontend.handlers.chain import MAX_UNITS, Chain, Refusal
from edgeseq.frontend.source import Config, SourceLayer
from edgeseq.graph import Dense, FixedDense, FixedRecurrent, FixedRows, FixedTensor, Gru, Lstm, Normalization, SimpleRnn
from edgeseq.graph.layers import FloatArray

# Exponents that any real signal's step has; beyond them products of scales would leave float64.
_MAX_EXPONENT = 60
_TRAINED = "trained with integers: "


class _Bad(Exception):  # noqa: N818 (a refusal's reason on its way up, not an error)
    """Why the layer is refused."""


def _refusing(handle: Any) -> Any:
    """Turn a reason raised anywhere in a handler into its Refusal."""

    def handler(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
        try:
            return handle(layer, chain)
        except _Bad as error:
            return Refusal(layer.name, str(error))

    return handler


@_refusing
def entry(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """QatInput: normalisation and input codes."""
    if chain.layers or chain.fixed_input is not None or chain.normalization is not None:
        return Refusal(layer.name, "QatInput is only supported once, as the first layer")
    fixed = _tensor(layer.config, "scale")
    if fixed.dtype is None:
        return Refusal(layer.name, "code_dtype is missing")
    mean, std = (_numbers(layer.config, key, chain.features) for key in ("mean", "std"))
    if mean.shape != std.shape or not (std > 0).all():
        return Refusal(layer.name, f"mean {mean.shape} and std {std.shape} do not fit together, or a std is not positive")
    chain.fixed_input, chain.normalization = fixed, Normalization(mean, std)
    return f"{_TRAINED}{fixed.dtype} input"


@_refusing
def gru(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """With reset_after, the candidate's recurrent bias stands apart."""
    reset_after = _one_of(layer.config, "reset_after", (True, False))
    kernel, recurrent, bias, apart, fixed = _cell(layer, chain, gates=3, apart=reset_after)
    chain.layers.append(Gru(layer.name, kernel, recurrent, np.stack([bias, apart]), reset_after, fixed=fixed))
    return _TRAINED + fixed.scheme


@_refusing
def lstm(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Its cell has a scale of its own."""
    cell_shift = _one_of(layer.config, "cell_shift", range(MAX_CELL_SHIFT + 1))
    kernel, recurrent, bias, _, fixed = _cell(layer, chain, gates=4, cell_shift=cell_shift)
    chain.layers.append(Lstm(layer.name, kernel, recurrent, bias, fixed=fixed))
    return _TRAINED + fixed.scheme


@_refusing
def simple_rnn(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """One pair of matrices."""
    kernel, recurrent, bias, _, fixed = _cell(layer, chain, gates=1)
    chain.layers.append(SimpleRnn(layer.name, kernel, recurrent, bias, fixed=fixed))
    return _TRAINED + fixed.scheme


@_refusing
def dense(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """A matrix with an output scale, or a table behind it."""
    config, units = layer.config, _units(layer.config)
    activation = _one_of(config, "activation", ("linear", "relu", "sigmoid", "tanh", "softmax"))
    bits: WeightBits = _one_of(config, "bits", (4, 8))
    reads = _tensor(config, "in_scale")
    tabled = activation in ("sigmoid", "tanh")
    shift = _preactivation(config) if tabled else 0
    out_scale = None if tabled else _scale(config.get("out_scale"), "out_scale")
    kernel, bias, multiplier, row_shift = _arrays(layer, 4)
    _expect(kernel, (_features(chain, kernel), units), "kernel")
    _expect(bias, (units,), "bias")
    entering = whole_input(reads.scale, reads.dtype, reads.zero_point)
    rows = _rows(multiplier, row_shift, units, entering)
    kernel, bias = _real(kernel, bias, rows, entering, out_scale or preactivation_scale(shift), bits)
    fixed = FixedDense(bits, reads, rows, out_scale, shift)
    chain.layers.append(Dense(layer.name, kernel, bias, activation, fixed=fixed))
    chain.features, chain.ended = units, activation == "softmax"
    note = f"{_TRAINED}{bits}-bit weights"
    return f"{note}; softmax runs on the float side; the integer output is its logits" if chain.ended else note


def _cell(
    layer: SourceLayer, chain: Chain, *, gates: int, apart: bool = False, cell_shift: int = 0
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FixedRecurrent]:
    """Return kernel, recurrent kernel, bias, the recurrent bias that stands apart (all rows), fixed parameters."""
    config = layer.config
    if not chain.has_time_axis:
        raise _Bad("the layer before returns only its last step; set return_sequences=True there")
    units, scheme = _units(config), _one_of(config, "scheme", SCHEME_PARTS)
    operand, bits = SCHEME_PARTS[scheme]
    reads, shift = _tensor(config, "in_scale"), _preactivation(config)
    kernel, recurrent, bias, *candidate, x_multiplier, x_shift, h_multiplier, h_shift = _arrays(layer, 8 if apart else 7)
    count = gates * units
    _expect(kernel, (_features(chain, kernel), count), "kernel")
    _expect(recurrent, (units, count), "recurrent kernel")
    _expect(bias, (count,), "bias")
    recurrent_bias = np.zeros(count)
    if apart:
        _expect(candidate[0], (units,), "candidate bias")
        recurrent_bias[2 * units :] = candidate[0]
    x_enters, h_enters = doubled_input(reads.scale, operand, reads.dtype, reads.zero_point), int16_operand(Q15, operand)
    for_input, for_state = _rows(x_multiplier, x_shift, count, x_enters), _rows(h_multiplier, h_shift, count, h_enters)
    out = preactivation_scale(shift)
    kernel, bias = _real(kernel, bias, for_input, x_enters, out, bits)
    recurrent, recurrent_bias = _real(recurrent, recurrent_bias, for_state, h_enters, out, bits)
    # Rows without a recurrent bias hold the constant 1 that keeps accumulators odd, which quantisation adds again.
    recurrent_bias[: 2 * units if apart else None] = 0.0
    chain.features, chain.has_time_axis = units, bool(config.get("return_sequences", False))
    fixed = FixedRecurrent(scheme, reads, shift, for_input, for_state, cell_shift)
    return kernel, recurrent, bias, recurrent_bias, fixed


def _real(
    kernel: FloatArray, bias: FloatArray, rows: FixedRows, entering: MatmulInput, out_scale: Scale, bits: WeightBits
) -> tuple[FloatArray, FloatArray]:
    """Round as training did and return the real values of the integers; kernel: (columns, rows)."""
    scale = weight_scales(rows.multiplier, rows.shift, entering.scale, out_scale)
    largest = float(np.abs(bias / (scale * entering.scale.value)).max(initial=0.0))
    if largest >= INT32_LIMIT:
        raise _Bad(f"a bias of {largest:.3g} steps does not fit its row; train on with new row factors (Rescale)")
    codes = round_weights(kernel.T, scale, bits)
    steps = round_bias(bias, scale, entering, codes)
    return (codes * scale[:, None]).T, steps * (scale * entering.scale.value)


def _arrays(layer: SourceLayer, count: int) -> tuple[FloatArray, ...]:
    if len(layer.weights) != count:
        raise _Bad(f"{len(layer.weights)} weight arrays; expected {count}. The file may be damaged; save the model again")
    return layer.weights


def _expect(array: FloatArray, shape: tuple[int, ...], what: str) -> None:
    if array.shape != shape:
        raise _Bad(f"{what} {array.shape}; expected {shape}")


def _features(chain: Chain, kernel: FloatArray) -> int:
    return chain.features if chain.features is not None else (kernel.shape[0] if kernel.ndim else -1)


def _rows(multiplier: FloatArray, shift: FloatArray, count: int, entering: MatmulInput) -> FixedRows:
    _expect(multiplier, (count,), "multipliers")
    _expect(shift, (), "shift")
    mantissa = entering.scale.mantissa
    if not ((multiplier >= 1) & (multiplier <= MAX_MULTIPLIER) & (multiplier % mantissa == 0)).all():
        raise _Bad(f"a row multiplier is not a multiple of {mantissa} in 1..{MAX_MULTIPLIER}; prepare the model again")
    if not (MIN_SHIFT <= shift <= MAX_SHIFT and shift == np.rint(shift)):
        raise _Bad(f"shift {float(shift):g} is outside {MIN_SHIFT}..{MAX_SHIFT}; prepare the model again")
    return FixedRows(multiplier.astype(np.int16), int(shift))


def _numbers(config: Config, key: str, count: int | None) -> FloatArray:
    """A list of finite numbers in the config, one per feature."""
    values = config.get(key)
    if not isinstance(values, list | tuple) or not values or count not in (None, len(values)):
        raise _Bad(f"{key} is not a list of {count or 'at least one'} numbers")
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        raise _Bad(f"{key} holds something else than finite numbers")
    return np.array(values, np.float64)


def _units(config: Config) -> int:
    units: Any = config.get("units")
    if type(units) is not int or not 1 <= units <= MAX_UNITS:
        raise _Bad(f"units={units!r}; expected 1 to {MAX_UNITS}")
    return units


def _one_of(config: Config, key: str, allowed: Any) -> Any:
    value = config.get(key)
    if isinstance(value, list | dict) or value not in allowed:
        raise _Bad(f"{key}={value!r}; expected one of {', '.join(map(str, allowed))}")
    return value


def _preactivation(config: Config) -> int:
    return int(_one_of(config, "preactivation_shift", range(MIN_PREACTIVATION_SHIFT, MAX_PREACTIVATION_SHIFT + 1)))


def _tensor(config: Config, key: str) -> FixedTensor:
    dtype: Operand | None = _one_of(config, "code_dtype", (None, "int8", "int16"))
    zero_point = config.get("zero_point", 0)
    if type(zero_point) is not int or not -128 <= zero_point <= 127 or (dtype != "int8" and zero_point):
        raise _Bad(f"zero point {zero_point!r} of {dtype} codes")
    return FixedTensor(_scale(config.get(key), key), dtype, zero_point)


def _scale(value: Any, what: str) -> Scale:
    if (
        not isinstance(value, list | tuple)
        or len(value) != 2
        or any(type(part) is not int for part in value)
        or not 1 <= value[0] < 128
        or abs(value[1]) > _MAX_EXPONENT
    ):
        raise _Bad(f"{what}={value!r}; expected a mantissa of 7 bits and an exponent")
    return Scale(*value)
