"""How recurrent Keras layers become layers that compute with integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeseq.arith.matmul import (
    MAX_FACTOR_SHIFT,
    MAX_STATE_SHIFT,
    MIN_PRODUCT_SHIFT,
    RANK_HEADROOM,
    SCHEME_PARTS,
    FloatArray,
    MatmulInput,
    Scheme,
    WeightBits,
    cell_shift,
    doubled_input,
    fit_preactivation,
    int16_operand,
    power_shift,
    preactivation_error,
)
from edgeseq.arith.requantize import Multipliers
from edgeseq.arith.rounding import Moments
from edgeseq.arith.scale import RowScales, Scale, function_scale, power_of_two
from edgeseq.errors import CalibrationError
from edgeseq.train.qat.cells import UNBOUNDED, blocks_of
from edgeseq.train.qat.layers import QatFastGRNN, QatGRU, QatLSTM, QatMGU, QatMinGRU, QatSimpleRNN
from edgeseq.train.qat.layers.compact import FactorSettings
from edgeseq.train.qat.planned import Between, Planned, Schemes
from edgeseq.train.qat.ranges import RecurrentRun, run_recurrent
from edgeseq.train.qat.rows import row_factors, start

# (state shift, scale of the rows) -> row factors of all matrices that are added, None where the scale is too fine
Attempt = Callable[[int, "Scale | RowScales"], Sequence["Multipliers | None"]]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The steps of a layer's tensors, and the row factors of the matrices that are added."""

    preactivation_shift: int
    state_shift: int
    candidate_shift: int
    factors: Sequence[Multipliers]


def recurrent(layer: Any, before: Between, schemes: Schemes, *, activation: str, last: bool) -> Planned:
    """Ranges from the float layer, row factors from its weights."""
    scheme = schemes.of(layer)
    run = run_recurrent(layer, before.values)
    operand, _ = SCHEME_PARTS[scheme]
    x_enters = doubled_input(before.scale, operand, before.input_dtype, before.zero_point)
    common = {"return_sequences": layer.return_sequences, "name": layer.name, **before.config}
    built, settle = RECURRENT[type(layer).__name__](layer, run, scheme, x_enters, common)
    values = run.states if layer.return_sequences else run.states[:, -1:]
    return Planned(built, Between(values, built.state_scale), settle)


def _fit(
    layer: Any,
    run: RecurrentRun,
    attempt: Attempt,
    candidate: int | None = None,
    state_of: Callable[[int], int] | None = None,
) -> Fitted:
    """Return the finest steps that hold what the float layer reached, and every row's factor. Raises CalibrationError.

    candidate: of a relu or linear one, the finest steps to try; None: the state's. state_of: the state's steps, given
    the candidate's; None: those that its range needs.
    """
    blocks, what = blocks_of(layer), f"layer {layer.name!r}"
    needed = 0 if blocks.bounded else state_shift(layer, run)
    start = candidate if candidate is not None else needed if blocks.unbounded_candidate else 0
    curved = [function for function in blocks.functions if function not in UNBOUNDED] or ["tanh"]

    def finest(shift: int) -> Scale:
        return min((function_scale(function, shift, 0) for function in curved), key=lambda scale: scale.value)

    for steps in range(start, MAX_STATE_SHIFT + 1 if blocks.unbounded_candidate else start + 1):
        state = state_of(steps) if state_of else needed

        def tried(shift: int, state: int = state, steps: int = steps) -> list[Multipliers | None]:
            return list(attempt(state, blocks.scales(shift, steps, layer.units)))

        found = fit_preactivation(run.parts, finest, tried)
        if found is not None:
            return Fitted(found[0], state, steps, found[1])
    raise preactivation_error(what, run.parts)


def state_shift(layer: Any, run: RecurrentRun) -> int:
    """Return what the range of an unbounded state needs."""
    return power_shift(f"layer {layer.name!r}: the hidden state", max(run.state, run.candidate), MAX_STATE_SHIFT)


_Built = tuple[Any, Callable[[float], None]]


def _pair(layer: Any, run: RecurrentRun, scheme: Scheme, x_enters: MatmulInput, common: dict[str, Any]) -> _Built:
    """GRU, LSTM, SimpleRNN, MGU."""
    kind = type(layer).__name__
    kernel, recurrent_kernel, merged, apart = _pair_weights(layer)
    operand, bits = SCHEME_PARTS[scheme]

    def attempt(state: int, scale: Scale | RowScales) -> Sequence[Multipliers | None]:
        h_enters = int16_operand(power_of_two(state), operand)
        return (
            row_factors(kernel, merged, x_enters, scale, bits, run.reads["x"]),
            row_factors(recurrent_kernel, apart, h_enters, scale, bits, run.reads["h"]),
        )

    if kind == "LSTM":
        fitted, own = _fit_lstm(layer, run, attempt)
    else:
        fitted = _fit(layer, run, attempt)
        own = {"candidate_shift": fitted.candidate_shift}
    config = layer.get_config()
    chosen = {key: config[key] for key in ("activation", "recurrent_activation", "reset_after") if key in config}
    built = _PAIRS[kind](
        layer.units, scheme, fitted.preactivation_shift, state_shift=fitted.state_shift, **own, **chosen, **common
    )

    def settle(damping: float) -> None:
        rest = (slice(-layer.units, None), run.reads["candidate"]) if "candidate" in run.reads else None
        of_x = start(built.input_matrix, kernel, fitted.factors[0], run.reads["x"], damping)
        of_h = start(built.recurrent_matrix, recurrent_kernel, fitted.factors[1], run.reads["h"], damping, rest)
        if kind == "GRU" and layer.reset_after:
            built.candidate_bias.assign((apart + of_h)[2 * layer.units :])
            of_h[2 * layer.units :] = 0
        built.bias.assign(merged + of_x + of_h)

    return built, settle


def _fit_lstm(layer: Any, run: RecurrentRun, attempt: Attempt) -> tuple[Fitted, dict[str, int]]:
    """The cell has the steps that its range needs, and an unbounded candidate has the same."""
    unbounded = blocks_of(layer).unbounded_candidate
    cell = cell_shift(f"layer {layer.name!r}: the cell state", max(run.cell, run.candidate), unbounded=unbounded)
    if not unbounded:
        return _fit(layer, run, attempt), {"cell_shift": cell}
    needed = state_shift(layer, run)
    # The state's product with the output gate keeps a shift, so its steps follow the cell's.
    fitted = _fit(layer, run, attempt, cell, lambda steps: max(needed, steps + MIN_PRODUCT_SHIFT - 15))
    return fitted, {"cell_shift": fitted.candidate_shift}


def _pair_weights(layer: Any) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return kernel, recurrent kernel, bias, and of all rows the recurrent bias that stands apart."""
    kernel, recurrent_kernel, *more = (np.asarray(w, np.float64) for w in layer.get_weights())
    rows = kernel.shape[1]
    bias, apart = more[0] if more else np.zeros(rows), np.zeros(rows)
    if bias.ndim == 1:
        return kernel, recurrent_kernel, bias, apart
    # Of a GRU with reset_after: r multiplies the candidate's recurrent bias, so it cannot join the other one.
    merged, candidate = bias.sum(axis=0), slice(2 * layer.units, None)
    merged[candidate], apart[candidate] = bias[0, candidate], bias[1, candidate]
    return kernel, recurrent_kernel, merged, apart


def _min_gru(layer: Any, run: RecurrentRun, scheme: Scheme, x_enters: MatmulInput, common: dict[str, Any]) -> _Built:
    kernel, *more = (np.asarray(w, np.float64) for w in layer.get_weights())
    bias = more[0] if more else np.zeros(kernel.shape[1])
    bits = SCHEME_PARTS[scheme][1]
    fitted = _fit(layer, run, lambda _, scale: [row_factors(kernel, bias, x_enters, scale, bits, run.reads["x"])])
    shifts = {"state_shift": fitted.state_shift, "candidate_shift": fitted.candidate_shift}
    built = QatMinGRU(layer.units, scheme, fitted.preactivation_shift, **shifts, **common)

    def settle(damping: float) -> None:
        built.bias.assign(bias + start(built.input_matrix, kernel, fitted.factors[0], run.reads["x"], damping))

    return built, settle


def _fast_grnn(layer: Any, run: RecurrentRun, scheme: Scheme, x_enters: MatmulInput, common: dict[str, Any]) -> _Built:
    """Factors of low rank are requantised on their own; the sum's scale is that of both parts."""
    cell, units, (operand, bits) = layer.cell, layer.units, SCHEME_PARTS[scheme]
    kernels, recurrent_kernels = ([np.asarray(w, np.float64) for w in ws] for ws in (cell.kernels, cell.recurrent_kernels))
    bias = np.zeros((2, units)) if cell.bias is None else np.asarray(cell.bias, np.float64)
    h_enters = int16_operand(power_of_two(state_shift(layer, run)), operand)
    of_x = _first_factor(layer, kernels, x_enters, run.ranks[0], bits, run.reads["x"])
    of_h = _first_factor(layer, recurrent_kernels, h_enters, run.ranks[1], bits, run.reads["h"])
    # What the last matrix reads, and all of them.
    last_x, last_h = run.reads["x_rank" if of_x else "x"], run.reads["h_rank" if of_h else "h"]
    read = [*([run.reads["x"]] if of_x else []), last_x, *([run.reads["h"]] if of_h else []), last_h]

    def reads(first: tuple[FactorSettings, Multipliers] | None, entering: MatmulInput) -> MatmulInput:
        return int16_operand(first[0].scale, operand) if first else entering

    def attempt(_: int, scale: Scale | RowScales) -> Sequence[Multipliers | None]:
        return (
            row_factors(kernels[-1], bias[0], reads(of_x, x_enters), scale, bits, last_x),
            row_factors(recurrent_kernels[-1], np.zeros(units), reads(of_h, h_enters), scale, bits, last_h),
        )

    fitted = _fit(layer, run, attempt)
    factors = {"input_factor": of_x and of_x[0].as_config(), "recurrent_factor": of_h and of_h[0].as_config()}
    built = QatFastGRNN(units, scheme, fitted.preactivation_shift, state_shift=fitted.state_shift, **factors, **common)
    chosen = [*([of_x[1]] if of_x else []), fitted.factors[0], *([of_h[1]] if of_h else []), fitted.factors[1]]

    def settle(damping: float) -> None:
        matrices = [*built.from_x.matrices, *built.from_h.matrices]
        errors = [
            start(matrix, kernel, rows, moments, damping)
            for matrix, kernel, rows, moments in zip(matrices, [*kernels, *recurrent_kernels], chosen, read, strict=True)
        ]
        of_first = [error @ k[1] for error, k in ((errors[0], kernels), (errors[-2], recurrent_kernels)) if len(k) > 1]
        built.bias.assign(bias + errors[len(kernels) - 1] + errors[-1] + sum(of_first, np.zeros(units)))
        built.zeta_raw.assign(np.asarray(cell.zeta_raw))
        built.nu_raw.assign(np.asarray(cell.nu_raw))

    return built, settle


def _first_factor(
    layer: Any, kernels: list[FloatArray], entering: MatmulInput, reach: float, bits: WeightBits, read: Moments
) -> tuple[FactorSettings, Multipliers] | None:
    """Return the first of two factors' settings and row factors; None where there is one matrix."""
    if len(kernels) == 1:
        return None
    rank = kernels[0].shape[1]
    scale = Scale.at_least(max(RANK_HEADROOM * reach, 2.0**-14) / 32767.0)
    for shift in range(MAX_FACTOR_SHIFT + 1):
        settings = FactorSettings(rank, scale, shift)
        chosen = row_factors(kernels[0], np.zeros(rank), entering, settings.requantised_to, bits, read)
        if chosen is not None:
            return settings, chosen
    raise CalibrationError(f"layer {layer.name!r}: weights span too many orders of magnitude for 15-bit multipliers")


_PAIRS: dict[str, Any] = {"GRU": QatGRU, "LSTM": QatLSTM, "SimpleRNN": QatSimpleRNN, "MGU": QatMGU}

# (float layer, its ranges, scheme, how its input enters, settings of any layer) -> (QAT layer, what gives it its weights)
RECURRENT: dict[str, Callable[[Any, RecurrentRun, Scheme, MatmulInput, dict[str, Any]], _Built]] = {
    **dict.fromkeys(_PAIRS, _pair),
    "MinGRU": _min_gru,
    "FastGRNN": _fast_grnn,
}
