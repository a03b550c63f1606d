"""Recurrent cells in floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.float_lowerings.values import apply_function, product, row_of
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.export.operators.types import Tensor
from edgeseq.graph import FastGrnn, Gru, Lstm, Mgu, MinGru, SimpleRnn
from edgeseq.graph.layers import FloatArray


def _advance(build: Builder, names: Sequence[str], units: int, x: Steps, step: Callable[..., tuple[Tensor, ...]]) -> Steps:
    """One step after another: step(row, *carried) returns what is carried on, the hidden state first."""
    before = tuple(build.state(name, (1, units), "float32", None) for name in names)
    carried, hidden = before, []
    for row in x.rows:
        carried = step(row, *carried)
        hidden.append(carried[0])
    for name, old, new in zip(names, before, carried, strict=True):
        build.keep(name, old, new)
    return Steps(build, rows=hidden)


def gru(build: Builder, layer: Gru, x: Steps) -> Steps:
    """Gates z and r, then the candidate, in both forms of reset."""
    units = layer.units
    kernel, bias = layer.recurrent_kernel, layer.bias[1]

    def step(row: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        gates_in, candidate_in = build.split(row, [2 * units, units], 1)
        if layer.reset_after:
            from_state, rest = build.split(product(build, h, kernel, bias), [2 * units, units], 1)
        else:
            from_state = product(build, h, kernel[:, : 2 * units], bias[: 2 * units])
        gates = apply_function(build, layer.name, layer.recurrent_activation, build.add(gates_in, from_state))
        z, r = build.split(gates, [units, units], 1)
        if layer.reset_after:
            rest = build.multiply(r, rest)
        else:
            rest = product(build, build.multiply(r, h), kernel[:, 2 * units :], bias[2 * units :])
        c = apply_function(build, layer.name, layer.activation, build.add(candidate_in, rest))
        return (build.add(build.multiply(z, h), build.subtract(c, build.multiply(z, c))),)

    from_input = x.apply(lambda value: product(build, value, layer.kernel, layer.bias[0]))
    return _advance(build, [f"{layer.name}/h"], units, from_input, step)


def lstm(build: Builder, layer: Lstm, x: Steps) -> Steps:
    """Gates i, f, candidate, o."""

    def step(row: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        total = build.add(row, product(build, h, layer.recurrent_kernel))
        parts = build.split(total, [layer.units] * 4, 1)
        i, f, g, o = (apply_function(build, layer.name, name, part) for name, part in zip(layer.functions, parts, strict=True))
        cell = build.add(build.multiply(f, c), build.multiply(i, g))
        return build.multiply(o, apply_function(build, layer.name, layer.activation, cell)), cell

    from_input = x.apply(lambda value: product(build, value, layer.kernel, layer.bias))
    return _advance(build, [f"{layer.name}/h", f"{layer.name}/c"], layer.units, from_input, step)


def simple_rnn(build: Builder, layer: SimpleRnn, x: Steps) -> Steps:
    """One function."""

    def step(row: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        total = build.add(row, product(build, h, layer.recurrent_kernel))
        return (apply_function(build, layer.name, layer.activation, total),)

    from_input = x.apply(lambda value: product(build, value, layer.kernel, layer.bias))
    return _advance(build, [f"{layer.name}/h"], layer.units, from_input, step)


def mgu(build: Builder, layer: Mgu, x: Steps) -> Steps:
    """One gate."""
    units = layer.units

    def step(row: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        gate_in, candidate_in = build.split(row, [units, units], 1)
        f = build.logistic(build.add(gate_in, product(build, h, layer.recurrent_kernel[:, :units])))
        kept = build.multiply(f, h)
        c = build.tanh(build.add(candidate_in, product(build, kept, layer.recurrent_kernel[:, units:])))
        return (build.add(build.subtract(h, kept), build.multiply(f, c)),)

    from_input = x.apply(lambda value: product(build, value, layer.kernel, layer.bias))
    return _advance(build, [f"{layer.name}/h"], units, from_input, step)


def min_gru(build: Builder, layer: MinGru, x: Steps) -> Steps:
    """No recurrent matrix."""

    def step(row: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        gate, c = build.split(row, [layer.units] * 2, 1)
        z = build.logistic(gate)
        return (build.add(build.subtract(h, build.multiply(z, h)), build.multiply(z, c)),)

    from_input = x.apply(lambda value: product(build, value, layer.kernel, layer.bias))
    return _advance(build, [f"{layer.name}/h"], layer.units, from_input, step)


def fast_grnn(build: Builder, layer: FastGrnn, x: Steps) -> Steps:
    """One sum for gate and candidate; matrices of one or two factors."""

    def factors(value: Tensor, kernels: tuple[FloatArray, ...], bias: FloatArray | None) -> Tensor:
        for kernel in kernels[:-1]:
            value = product(build, value, kernel)
        return product(build, value, kernels[-1], bias)

    zeta, nu = (build.constant(np.asarray(value, np.float32).reshape(1, 1)) for value in (layer.zeta, layer.nu))

    def step(row: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        total = build.add(row, factors(h, layer.recurrent_kernels, None))
        z, c = build.logistic(total), build.tanh(build.add(total, row_of(build, layer.bias[1] - layer.bias[0])))
        rest = build.multiply(zeta, build.subtract(c, build.multiply(z, c)))
        return (build.add(build.add(build.multiply(z, h), build.multiply(nu, c)), rest),)

    from_input = x.apply(lambda value: factors(value, layer.kernels, layer.bias[0]))
    return _advance(build, [f"{layer.name}/h"], layer.units, from_input, step)
