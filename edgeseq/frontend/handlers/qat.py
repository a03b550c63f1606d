"""Layers of `edgeseq.train.qat`: ordinary graph layers, and the integer parameters that they were trained with.

Their graph weights are the real values of the integers, rounded as training rounded them, so that the float graph
is the model that was trained and not the unrounded weights behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgeseq.arith.matmul import (
    MAX_CELL_SHIFT,
    MAX_STATE_SHIFT,
    MatmulInput,
    WeightBits,
    int16_operand,
    whole_input,
)
from edgeseq.arith.scale import (
    Scale,
    preactivation_scale,
)
from edgeseq.frontend.handlers.chain import Chain, Refusal
from edgeseq.frontend.handlers.qat_config import (
    RecurrentSettings,
    arrays_of,
    as_trained,
    cell_functions,
    expect_shape,
    factor_of,
    features_of,
    numbers_of,
    one_of,
    preactivation_of,
    recurrent_settings,
    refusing,
    rows_of,
    scale_of,
    share_of,
    tensor_of,
    units_of,
    whole_steps,
)
from edgeseq.frontend.source import Config, SourceLayer
from edgeseq.graph import (
    Dense,
    FastGrnn,
    FixedDense,
    FixedFactor,
    FixedRecurrent,
    FixedRows,
    Gru,
    Lstm,
    Mgu,
    MinGru,
    Normalization,
    SimpleRnn,
)
from edgeseq.graph.layers import UNBOUNDED, FloatArray

_TRAINED = "trained with integers: "


@refusing
def entry(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """QatInput: normalisation and input codes."""
    if chain.layers or chain.fixed_input is not None or chain.normalization is not None:
        return Refusal(layer.name, "QatInput is only supported once, as the first layer")
    fixed = tensor_of(layer.config, "scale")
    if fixed.dtype is None:
        return Refusal(layer.name, "code_dtype is missing")
    mean, std = (numbers_of(layer.config, key, chain.features) for key in ("mean", "std"))
    if mean.shape != std.shape or not (std > 0).all():
        return Refusal(layer.name, f"mean {mean.shape} and std {std.shape} do not fit together, or a std is not positive")
    chain.fixed_input, chain.normalization = fixed, Normalization(mean, std)
    return f"{_TRAINED}{fixed.dtype} input"


@refusing
def gru(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """With reset_after, the candidate's recurrent bias stands apart."""
    reset_after = one_of(layer.config, "reset_after", (True, False))
    functions = cell_functions(layer.config, "activation", "recurrent_activation")
    gate, candidate = functions["recurrent_activation"], functions["activation"]
    kernel, recurrent, bias, apart, fixed = _cell(layer, chain, (gate, gate, candidate), apart=reset_after)
    chain.layers.append(Gru(layer.name, kernel, recurrent, np.stack([bias, apart]), reset_after, fixed=fixed, **functions))
    return _TRAINED + fixed.scheme


@refusing
def lstm(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Its cell has a scale of its own."""
    functions = cell_functions(layer.config, "activation", "recurrent_activation")
    gate, candidate = functions["recurrent_activation"], functions["activation"]
    limit = MAX_STATE_SHIFT if candidate in UNBOUNDED else MAX_CELL_SHIFT
    cell_shift = one_of(layer.config, "cell_shift", range(limit + 1))
    blocks = (gate, gate, candidate, gate)
    kernel, recurrent, bias, _, fixed = _cell(layer, chain, blocks, candidate_shift=cell_shift)
    fixed = replace(fixed, cell_shift=cell_shift, candidate_shift=0)
    chain.layers.append(Lstm(layer.name, kernel, recurrent, bias, fixed=fixed, **functions))
    return _TRAINED + fixed.scheme


@refusing
def simple_rnn(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """One pair of matrices."""
    functions = cell_functions(layer.config, "activation")
    kernel, recurrent, bias, _, fixed = _cell(layer, chain, (functions["activation"],))
    chain.layers.append(SimpleRnn(layer.name, kernel, recurrent, bias, fixed=fixed, **functions))
    return _TRAINED + fixed.scheme


@refusing
def mgu(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """One pair of matrices."""
    kernel, recurrent, bias, _, fixed = _cell(layer, chain, ("sigmoid", "tanh"))
    chain.layers.append(Mgu(layer.name, kernel, recurrent, bias, fixed=fixed))
    return _TRAINED + fixed.scheme


@refusing
def min_gru(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """One matrix, whose candidate rows have steps of their own."""
    settings = recurrent_settings(layer, chain)
    kernel, bias, multiplier, shift = arrays_of(layer, 4)
    functions, units = ("sigmoid", "linear"), settings.units
    expect_shape(kernel, (features_of(chain, kernel), 2 * units), "kernel")
    expect_shape(bias, (2 * units,), "bias")
    rows = rows_of(multiplier, shift, 2 * units, settings.x_enters)
    out = settings.scales(functions)
    kernel, bias = as_trained(kernel, bias, rows, settings.x_enters, out, settings.bits)
    chain.layers.append(MinGru(layer.name, kernel, bias, fixed=settings.fixed(rows, None)))
    settings.leave(chain)
    return _TRAINED + settings.scheme


@refusing
def fast_grnn(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """Matrices whole or of two factors; zeta and nu as the integer sigmoid gives them."""
    settings, config = recurrent_settings(layer, chain), layer.config
    factors = [factor_of(config, key) for key in ("input_factor", "recurrent_factor")]
    counts = [1 if factor is None else 2 for factor in factors]
    arrays = list(arrays_of(layer, 3 * sum(counts) + 3))
    kernels = [[arrays.pop(0) for _ in range(count)] for count in counts]
    bias, zeta, nu = (arrays.pop(0) for _ in range(3))
    units, out = settings.units, preactivation_scale(settings.shift)
    expect_shape(bias, (2, units), "bias")
    columns = features_of(chain, kernels[0][0])
    of_x = _product(settings, kernels[0], arrays, columns, settings.x_enters, bias[0], factors[0])
    of_h = _product(settings, kernels[1], arrays, units, settings.h_enters, np.zeros(units), factors[1])
    candidate = of_x.bias + whole_steps(bias[1] - bias[0], out) * out.value
    fixed = replace(settings.fixed(of_x.rows, of_h.rows), input_factor=of_x.factor, recurrent_factor=of_h.factor)
    both, shares = np.stack([of_x.bias, candidate]), (share_of(zeta, "zeta_raw"), share_of(nu, "nu_raw"))
    chain.layers.append(FastGrnn(layer.name, of_x.kernels, of_h.kernels, both, *shares, fixed=fixed))
    settings.leave(chain)
    return _TRAINED + settings.scheme


@dataclass(frozen=True, slots=True, eq=False)
class _Product:
    """A matrix whole or as two factors, rounded as training did, and its integer parameters."""

    kernels: tuple[FloatArray, ...]
    bias: FloatArray
    rows: FixedRows
    factor: FixedFactor | None


def _product(
    settings: RecurrentSettings,
    kernels: list[FloatArray],
    row_factors: list[FloatArray],
    columns: int,
    entering: MatmulInput,
    bias: FloatArray,
    factor: tuple[int, Scale, int] | None,
) -> _Product:
    """Round the matrices; takes their row factors from the front of the list."""
    units, first = settings.units, None
    if factor is not None:
        rank, scale, shift = factor
        expect_shape(kernels[0], (columns, rank), "first factor")
        rows = rows_of(row_factors.pop(0), row_factors.pop(0), rank, entering)
        kernel, _ = as_trained(kernels[0], np.zeros(rank), rows, entering, scale.times_power_of_two(shift), settings.bits)
        first, columns, entering = FixedFactor(rows, scale, shift), rank, int16_operand(scale, settings.operand)
        kernels = [kernel, kernels[1]]
    expect_shape(kernels[-1], (columns, units), "kernel")
    rows = rows_of(row_factors.pop(0), row_factors.pop(0), units, entering)
    last, bias = as_trained(kernels[-1], bias, rows, entering, preactivation_scale(settings.shift), settings.bits)
    return _Product((*kernels[:-1], last), bias, rows, first)


def row_factors_of_fast_grnn(config: Config) -> int:
    """How many arrays at the end of its weights are no parameters: two for each matrix."""
    return 4 + 2 * sum(config.get(key) is not None for key in ("input_factor", "recurrent_factor"))


@refusing
def dense(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
    """A matrix with an output scale, or a table behind it."""
    config, units = layer.config, units_of(layer.config)
    activation = one_of(config, "activation", ("linear", "relu", "sigmoid", "tanh", "softmax"))
    bits: WeightBits = one_of(config, "bits", (4, 8))
    reads = tensor_of(config, "in_scale")
    tabled = activation in ("sigmoid", "tanh")
    shift = preactivation_of(config) if tabled else 0
    out_scale = None if tabled else scale_of(config.get("out_scale"), "out_scale")
    kernel, bias, multiplier, row_shift = arrays_of(layer, 4)
    expect_shape(kernel, (features_of(chain, kernel), units), "kernel")
    expect_shape(bias, (units,), "bias")
    entering = whole_input(reads.scale, reads.dtype, reads.zero_point)
    rows = rows_of(multiplier, row_shift, units, entering)
    kernel, bias = as_trained(kernel, bias, rows, entering, out_scale or preactivation_scale(shift), bits)
    fixed = FixedDense(bits, reads, rows, out_scale, shift)
    chain.layers.append(Dense(layer.name, kernel, bias, activation, fixed=fixed))
    chain.features, chain.ended = units, activation == "softmax"
    note = f"{_TRAINED}{bits}-bit weights"
    return f"{note}; softmax runs on the float side; the integer output is its logits" if chain.ended else note


def _cell(
    layer: SourceLayer, chain: Chain, functions: tuple[str, ...], *, apart: bool = False, candidate_shift: int | None = None
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FixedRecurrent]:
    """Return kernel, recurrent kernel, bias, the recurrent bias that stands apart (all rows), fixed parameters.

    functions: of the row blocks; candidate_shift: where it is not the layer's own.
    """
    settings = recurrent_settings(layer, chain)
    if candidate_shift is not None:
        settings = replace(settings, candidate_shift=candidate_shift)
    units, count = settings.units, len(functions) * settings.units
    kernel, recurrent, bias, *candidate, x_multiplier, x_shift, h_multiplier, h_shift = arrays_of(layer, 8 if apart else 7)
    expect_shape(kernel, (features_of(chain, kernel), count), "kernel")
    expect_shape(recurrent, (units, count), "recurrent kernel")
    expect_shape(bias, (count,), "bias")
    recurrent_bias = np.zeros(count)
    if apart:
        expect_shape(candidate[0], (units,), "candidate bias")
        recurrent_bias[2 * units :] = candidate[0]
    x_enters, h_enters = settings.x_enters, settings.h_enters
    for_input, for_state = rows_of(x_multiplier, x_shift, count, x_enters), rows_of(h_multiplier, h_shift, count, h_enters)
    out = settings.scales(functions)
    kernel, bias = as_trained(kernel, bias, for_input, x_enters, out, settings.bits)
    recurrent, recurrent_bias = as_trained(recurrent, recurrent_bias, for_state, h_enters, out, settings.bits)
    # Rows without a recurrent bias hold the constant 1 that keeps accumulators odd, which quantisation adds again.
    recurrent_bias[: 2 * units if apart else None] = 0.0
    settings.leave(chain)
    return kernel, recurrent, bias, recurrent_bias, settings.fixed(for_input, for_state)
