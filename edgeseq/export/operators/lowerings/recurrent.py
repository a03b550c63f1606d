"""Recurrent cells: products of the input for all steps at once, then one step after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from edgeseq.arith.scale import Q15, Scale, power_of_two
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.lowerings.functions import apply, apply_to_cell, block_scales, candidate_in_state
from edgeseq.export.operators.lowerings.matrix import doubled_view, entering, matrix, rows_in_groups
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.export.operators.types import Tensor
from edgeseq.quantize.types import (
    Factor,
    Matvec,
    QuantFastGrnn,
    QuantGru,
    QuantLstm,
    QuantMgu,
    QuantMinGru,
    QuantPair,
    QuantRecurrent,
    QuantSimpleRnn,
)

# (parts of the input of one step, carried tensors) -> carried tensors, hidden state first.
Step: TypeAlias = Callable[[tuple[Tensor, ...], tuple[Tensor, ...]], tuple[Tensor, ...]]


def gru(build: Builder, layer: QuantGru, x: Steps, *, codes: bool) -> Steps:
    """Update, reset, candidate: `h' = z*h + (c - z*c)`."""
    units, scales = layer.units, block_scales(layer)
    groups = [(0, 2), (2, 3)]

    def step(parts: tuple[Tensor, ...], carried: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (h,) = carried
        view = doubled_view(build, h, layer.operand)
        wanted = groups if layer.reset_after else groups[:1]
        from_state = rows_in_groups(build, view, layer.recurrent, units, wanted, scales)
        gates = apply(build, layer.recurrent_activation, build.add(parts[0], from_state[0]))
        z, r = build.split(gates, [units, units], 1)
        if layer.reset_after:
            rest = build.multiply(r, from_state[1], scales[2])
        else:
            view = doubled_view(build, build.multiply(r, h, h.scale), layer.operand)
            rest = rows_in_groups(build, view, layer.recurrent, units, groups[1:], scales)[0]
        candidate = apply(build, layer.activation, build.add(parts[1], rest))
        candidate = candidate_in_state(build, layer.activation, candidate, layer)
        shared = build.subtract(candidate, build.multiply(z, candidate, h.scale))
        return (build.add(build.multiply(z, h, h.scale), shared),)

    return _pair(build, layer, x, groups, step, codes=codes)


def lstm(build: Builder, layer: QuantLstm, x: Steps, *, codes: bool) -> Steps:
    """Input, forget, candidate, output gates; hidden state and cell."""
    units, scales = layer.units, block_scales(layer)
    # Blocks of one scale are added as one.
    groups = [(0, 4)] if len(set(scales)) == 1 else [(0, 2), (2, 3), (3, 4)]

    def step(parts: tuple[Tensor, ...], carried: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        h, c = carried
        from_state = rows_in_groups(build, doubled_view(build, h, layer.operand), layer.recurrent, units, groups, scales)
        totals = [
            part
            for (first, last), a, b in zip(groups, parts, from_state, strict=True)
            for part in build.split(build.add(a, b), [units] * (last - first), 1)
        ]
        i, f, g, o = (apply(build, function, total) for function, total in zip(layer.functions, totals, strict=True))
        cell = build.add(build.multiply(f, c, c.scale), build.multiply(i, g, c.scale))
        return build.multiply(o, apply_to_cell(build, layer.activation, cell, layer.cell_shift), h.scale), cell

    return _pair(build, layer, x, groups, step, codes=codes)


def simple_rnn(build: Builder, layer: QuantSimpleRnn, x: Steps, *, codes: bool) -> Steps:
    """One function of one sum."""
    scales = block_scales(layer)

    def step(parts: tuple[Tensor, ...], carried: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        view = doubled_view(build, carried[0], layer.operand)
        (from_state,) = rows_in_groups(build, view, layer.recurrent, layer.units, [(0, 1)], scales)
        result = apply(build, layer.activation, build.add(parts[0], from_state))
        return (candidate_in_state(build, layer.activation, result, layer),)

    return _pair(build, layer, x, [(0, 1)], step, codes=codes)


def mgu(build: Builder, layer: QuantMgu, x: Steps, *, codes: bool) -> Steps:
    """One gate: `h' = (h - f*h) + f*c`."""
    units, scales = layer.units, block_scales(layer)

    def step(parts: tuple[Tensor, ...], carried: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (h,) = carried
        part = rows_in_groups(build, doubled_view(build, h, layer.operand), layer.recurrent, units, [(0, 1)], scales)[0]
        f = build.logistic(build.add(parts[0], part))
        kept = build.multiply(f, h, h.scale)
        part = rows_in_groups(build, doubled_view(build, kept, layer.operand), layer.recurrent, units, [(1, 2)], scales)[0]
        c = build.tanh(build.add(parts[1], part))
        return (build.add(build.subtract(h, kept), build.multiply(f, c, h.scale)),)

    return _pair(build, layer, x, [(0, 1), (1, 2)], step, codes=codes)


def min_gru(build: Builder, layer: QuantMinGru, x: Steps, *, codes: bool) -> Steps:
    """A gate and a candidate of the input alone."""
    groups, scales = [(0, 1), (1, 2)], block_scales(layer)
    view = x.apply(lambda value: entering(build, value, layer.operand, codes=codes))
    z_rows, c_rows = _grouped(build, view, layer.input, layer.units, groups, scales)
    z_rows = z_rows.apply(build.logistic)
    c_rows = c_rows.apply(lambda value: candidate_in_state(build, "linear", value, layer))

    def step(parts: tuple[Tensor, ...], carried: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (h,) = carried
        z, candidate = parts
        rest = build.subtract(h, build.multiply(z, h, h.scale))
        return (build.add(rest, build.multiply(z, candidate, h.scale)),)

    return _advance(build, layer, [z_rows, c_rows], step)


def fast_grnn(build: Builder, layer: QuantFastGrnn, x: Steps, *, codes: bool) -> Steps:
    """One sum for gate and candidate; factors of a low rank stay factors."""
    (pre,) = block_scales(layer)
    whole, last = matrix(build, layer.input), matrix(build, layer.recurrent)

    def first_factor(view: Tensor, factor: Factor | None) -> Tensor:
        if factor is None:
            return view
        rows = build.fully_connected(view, matrix(build, factor.matvec), factor.scale.times_power_of_two(factor.shift))
        return doubled_view(build, build.shift_left(rows, factor.shift), layer.operand)

    def input_part(value: Tensor) -> Tensor:
        view = first_factor(entering(build, value, layer.operand, codes=codes), layer.input_factor)
        return build.fully_connected(view, whole, pre)

    def step(parts: tuple[Tensor, ...], carried: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (h,) = carried
        view = first_factor(doubled_view(build, h, layer.operand), layer.recurrent_factor)
        total = build.add(parts[0], build.fully_connected(view, last, pre))
        z = build.logistic(total)
        c = build.tanh(build.add(total, build.constant(layer.candidate_bias[None], pre)))
        rest = build.subtract(c, build.multiply(z, c, Q15))
        zeta, nu = (build.filled(c, value, Q15) for value in (layer.zeta, layer.nu))
        kept = build.add(build.multiply(z, h, h.scale), build.multiply(nu, c, h.scale))
        return (build.add(kept, build.multiply(zeta, rest, h.scale)),)

    return _advance(build, layer, [x.apply(input_part)], step)


def _pair(build: Builder, layer: QuantPair, x: Steps, groups: list[tuple[int, int]], step: Step, *, codes: bool) -> Steps:
    """Run a cell of two matrices; groups: of row blocks, in which its step takes the input part."""
    view = x.apply(lambda value: entering(build, value, layer.operand, codes=codes))
    return _advance(build, layer, _grouped(build, view, layer.input, layer.units, groups, block_scales(layer)), step)


def _grouped(
    build: Builder, view: Steps, matvec: Matvec, units: int, groups: list[tuple[int, int]], scales: tuple[Scale, ...]
) -> list[Steps]:
    """Products of row blocks by groups, of all steps."""
    return view.apply_to_parts(lambda value: rows_in_groups(build, value, matvec, units, groups, scales))


def _advance(build: Builder, layer: QuantRecurrent, parts: list[Steps], step: Step) -> Steps:
    """One step after another; the hidden states are the result."""
    names = [f"{layer.name}/{what}" for what in ("h", "c")[: layer.carried]]
    cell_scales = [power_of_two(layer.cell_shift)] if isinstance(layer, QuantLstm) else []
    scales = [layer.out_scale, *cell_scales]
    before = tuple(build.state(name, (1, layer.units), "int16", scale) for name, scale in zip(names, scales, strict=True))
    carried = before
    hidden = []
    for at in range(parts[0].count):
        carried = step(tuple(part.rows[at] for part in parts), carried)
        hidden.append(carried[0])
    for name, old, new in zip(names, before, carried, strict=True):
        build.keep(name, old, new)
    return Steps(build, rows=hidden)
