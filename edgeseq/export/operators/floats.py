"""The float model as operators of float32: the same forms, for runtimes with a floating point unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from edgeseq.errors import TargetError
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.export.operators.types import Matrix, Tensor
from edgeseq.graph import (
    Activate,
    Bidirectional,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    Embedding,
    FastGrnn,
    GlobalPool,
    Graph,
    Gru,
    LastStep,
    Layer,
    LayerNormalization,
    Lstm,
    Mgu,
    MinGru,
    Prelu,
    Residual,
    Reverse,
    SelfAttention,
    SimpleRnn,
)
from edgeseq.graph.layers import FloatArray

Lowering: TypeAlias = Callable[[Builder, Any, Steps], Steps]


def lower_float_chain(build: Builder, layers: Sequence[Layer], x: Steps) -> Steps:
    """The result of layers one behind another. Raises TargetError for a function that has no operators."""
    for layer in layers:
        x = FLOAT_LOWERINGS[type(layer)](build, layer, x)
    return x


def normalized_input(build: Builder, graph: Graph, x: Tensor) -> Tensor:
    """What the first layer reads of raw values."""
    if graph.normalization is None:
        return x
    mean, std = graph.normalization.mean, graph.normalization.std
    return build.multiply(build.subtract(x, _row(build, mean)), _row(build, 1.0 / std))


def _row(build: Builder, values: FloatArray) -> Tensor:
    return build.constant(np.asarray(values, np.float32).reshape(1, -1))


def _matrix(build: Builder, kernel: FloatArray, bias: FloatArray | None = None) -> Matrix:
    """kernel: (columns, rows), as Keras has it."""
    weight = build.constant(kernel.T.astype(np.float32))
    return Matrix(weight, build.constant((np.zeros(kernel.shape[1]) if bias is None else bias).astype(np.float32)))


def _product(build: Builder, x: Tensor, kernel: FloatArray, bias: FloatArray | None = None) -> Tensor:
    return build.fully_connected(x, _matrix(build, kernel, bias), None)


def _apply(build: Builder, name: str, function: str, x: Tensor, parameters: tuple[float, ...] = ()) -> Tensor:
    """A function by its Keras name. Raises TargetError for one that no operator is."""
    if function in _FUNCTIONS:
        return _FUNCTIONS[function](build, x)
    if function == "rectified" and parameters[2] == 0:
        limit, slope, _ = parameters
        above = build.minimum(build.relu(x), build.number(limit)) if np.isfinite(limit) else build.relu(x)
        return build.add(above, build.multiply(build.minimum(x, build.number(0.0)), build.number(slope)))
    raise TargetError(f"layer {name!r}: no operator of floats is the function {function!r}; export integers (--precision int)")


def _hard_sigmoid(build: Builder, x: Tensor, slope: float) -> Tensor:
    line = build.add(build.multiply(x, build.number(slope)), build.number(0.5))
    return build.minimum(build.relu(line), build.number(1.0))


_FUNCTIONS: dict[str, Callable[[Builder, Tensor], Tensor]] = {
    "linear": lambda _, x: x,
    "relu": Builder.relu,
    "sigmoid": Builder.logistic,
    "tanh": Builder.tanh,
    "gelu": Builder.gelu,
    "silu": lambda build, x: build.multiply(x, build.logistic(x)),
    "softmax": Builder.softmax,
    "hard_sigmoid": lambda build, x: _hard_sigmoid(build, x, 1 / 6),
    "hard_sigmoid_keras2": lambda build, x: _hard_sigmoid(build, x, 0.2),
}


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


def _gru(build: Builder, layer: Gru, x: Steps) -> Steps:
    units = layer.units
    kernel, bias = layer.recurrent_kernel, layer.bias[1]

    def step(row: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        gates_in, candidate_in = build.split(row, [2 * units, units], 1)
        if layer.reset_after:
            from_state, rest = build.split(_product(build, h, kernel, bias), [2 * units, units], 1)
        else:
            from_state = _product(build, h, kernel[:, : 2 * units], bias[: 2 * units])
        gates = _apply(build, layer.name, layer.recurrent_activation, build.add(gates_in, from_state))
        z, r = build.split(gates, [units, units], 1)
        if layer.reset_after:
            rest = build.multiply(r, rest)
        else:
            rest = _product(build, build.multiply(r, h), kernel[:, 2 * units :], bias[2 * units :])
        c = _apply(build, layer.name, layer.activation, build.add(candidate_in, rest))
        return (build.add(build.multiply(z, h), build.subtract(c, build.multiply(z, c))),)

    from_input = x.apply(lambda value: _product(build, value, layer.kernel, layer.bias[0]))
    return _advance(build, [f"{layer.name}/h"], units, from_input, step)


def _lstm(build: Builder, layer: Lstm, x: Steps) -> Steps:
    def step(row: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        total = build.add(row, _product(build, h, layer.recurrent_kernel))
        parts = build.split(total, [layer.units] * 4, 1)
        i, f, g, o = (_apply(build, layer.name, name, part) for name, part in zip(layer.functions, parts, strict=True))
        cell = build.add(build.multiply(f, c), build.multiply(i, g))
        return build.multiply(o, _apply(build, layer.name, layer.activation, cell)), cell

    from_input = x.apply(lambda value: _product(build, value, layer.kernel, layer.bias))
    return _advance(build, [f"{layer.name}/h", f"{layer.name}/c"], layer.units, from_input, step)


def _simple_rnn(build: Builder, layer: SimpleRnn, x: Steps) -> Steps:
    def step(row: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        total = build.add(row, _product(build, h, layer.recurrent_kernel))
        return (_apply(build, layer.name, layer.activation, total),)

    from_input = x.apply(lambda value: _product(build, value, layer.kernel, layer.bias))
    return _advance(build, [f"{layer.name}/h"], layer.units, from_input, step)


def _mgu(build: Builder, layer: Mgu, x: Steps) -> Steps:
    units = layer.units

    def step(row: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        gate_in, candidate_in = build.split(row, [units, units], 1)
        f = build.logistic(build.add(gate_in, _product(build, h, layer.recurrent_kernel[:, :units])))
        kept = build.multiply(f, h)
        c = build.tanh(build.add(candidate_in, _product(build, kept, layer.recurrent_kernel[:, units:])))
        return (build.add(build.subtract(h, kept), build.multiply(f, c)),)

    from_input = x.apply(lambda value: _product(build, value, layer.kernel, layer.bias))
    return _advance(build, [f"{layer.name}/h"], units, from_input, step)


def _min_gru(build: Builder, layer: MinGru, x: Steps) -> Steps:
    def step(row: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        gate, c = build.split(row, [layer.units] * 2, 1)
        z = build.logistic(gate)
        return (build.add(build.subtract(h, build.multiply(z, h)), build.multiply(z, c)),)

    from_input = x.apply(lambda value: _product(build, value, layer.kernel, layer.bias))
    return _advance(build, [f"{layer.name}/h"], layer.units, from_input, step)


def _fast_grnn(build: Builder, layer: FastGrnn, x: Steps) -> Steps:
    def factors(value: Tensor, kernels: tuple[FloatArray, ...], bias: FloatArray | None) -> Tensor:
        for kernel in kernels[:-1]:
            value = _product(build, value, kernel)
        return _product(build, value, kernels[-1], bias)

    zeta, nu = (build.constant(np.asarray(value, np.float32).reshape(1, 1)) for value in (layer.zeta, layer.nu))

    def step(row: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        total = build.add(row, factors(h, layer.recurrent_kernels, None))
        z, c = build.logistic(total), build.tanh(build.add(total, _row(build, layer.bias[1] - layer.bias[0])))
        rest = build.multiply(zeta, build.subtract(c, build.multiply(z, c)))
        return (build.add(build.add(build.multiply(z, h), build.multiply(nu, c)), rest),)

    from_input = x.apply(lambda value: factors(value, layer.kernels, layer.bias[0]))
    return _advance(build, [f"{layer.name}/h"], layer.units, from_input, step)


def _dense(build: Builder, layer: Dense, x: Steps) -> Steps:
    def run(value: Tensor) -> Tensor:
        return _apply(build, layer.name, layer.activation, _product(build, value, layer.kernel, layer.bias))

    return x.apply(run)


def _activate(build: Builder, layer: Activate, x: Steps) -> Steps:
    return x.apply(lambda value: _apply(build, layer.name, layer.function, value, layer.parameters))


def _prelu(build: Builder, layer: Prelu, x: Steps) -> Steps:
    alpha = _row(build, layer.alpha)

    def run(value: Tensor) -> Tensor:
        return build.add(build.relu(value), build.multiply(build.minimum(value, build.number(0.0)), alpha))

    return x.apply(run)


def _residual(build: Builder, layer: Residual, x: Steps) -> Steps:
    body, shortcut = (lower_float_chain(build, chain, x) for chain in layer.chains)
    return body.with_other(shortcut, build.add)


def _pool(build: Builder, layer: GlobalPool, x: Steps) -> Steps:
    """The maximum carries the largest value and whether there is one; the mean a sum and a count."""
    units = x.first.units
    names = [f"{layer.name}/{layer.function}", f"{layer.name}/count"]
    old = build.state(names[0], (1, units), "float32", None)
    old_count = build.state(names[1], (1, 1), "float32", None)
    value, count, one, rows = old, old_count, build.number(1.0), []
    for row in x.rows:
        if layer.function == "max":
            # Without a step before this one, the row itself is the largest: the state's share is zero then.
            known = build.minimum(count, one)
            past = build.add(build.multiply(value, known), build.multiply(row, build.subtract(one, known)))
            value = build.maximum(row, past)
        else:
            value = build.add(value, row)
        count = build.add(count, one)
        rows.append(value if layer.function == "max" else build.divide(value, count))
    build.keep(names[0], old, value)
    build.keep(names[1], old_count, count)
    return Steps(build, rows=rows)


def _layer_normalization(build: Builder, layer: LayerNormalization, x: Steps) -> Steps:
    def run(value: Tensor) -> Tensor:
        share = build.number(1.0 / value.units)
        centred = build.subtract(value, build.multiply(build.sum(value), share))
        variance = build.multiply(build.sum(build.multiply(centred, centred)), share)
        result = build.multiply(centred, build.reciprocal_root(build.add(variance, build.number(layer.epsilon))))
        if layer.gamma is not None:
            result = build.multiply(result, _row(build, layer.gamma))
        return result if layer.beta is None else build.add(result, _row(build, layer.beta))

    return x.apply(run)


def _taps(build: Builder, name: str, taps: int, dilation: int, x: Steps) -> Steps:
    """What each step of a causal convolution sees, the oldest tap first, side by side."""
    history = (taps - 1) * dilation
    if history == 0:
        return x
    before = build.state(f"{name}/past", (history, x.first.units), "float32", None)
    line = build.concat([before, x.whole], 0)
    build.keep(f"{name}/past", before, build.slice(line, x.count, history))
    cut = [build.slice(line, tap * dilation, x.count) for tap in range(taps)]
    return Steps(build, whole=build.concat(cut, 1))


def _conv1d(build: Builder, layer: Conv1D, x: Steps) -> Steps:
    columns = Dense(layer.name, layer.kernel.reshape(-1, layer.units), layer.bias, layer.activation)
    return _dense(build, columns, _taps(build, layer.name, layer.taps, layer.dilation, x))


def _depthwise(build: Builder, layer: DepthwiseConv1D, x: Steps) -> Steps:
    """As a sum over the taps of products with a row each, an output of a channel after the other."""
    taps, channels, multiplier = layer.kernel.shape

    def run(value: Tensor) -> Tensor:
        seen = build.split(value, [channels] * taps, 1)
        outputs = []
        for at in range(multiplier):
            products = [build.multiply(part, _row(build, layer.kernel[tap, :, at])) for tap, part in enumerate(seen)]
            total = products[0]
            for product in products[1:]:
                total = build.add(total, product)
            outputs.append(build.reshape(total, (total.shape[0], channels, 1)))
        made = build.reshape(build.concat(outputs, 2), (value.shape[0], channels * multiplier))
        return _apply(build, layer.name, layer.activation, build.add(made, _row(build, layer.bias)))

    return _taps(build, layer.name, taps, layer.dilation, x).apply(run)


def _embedding(build: Builder, layer: Embedding, x: Steps) -> Steps:
    """The id is rounded and clamped to the table."""
    table = build.constant(layer.table.astype(np.float32))
    last = build.number(len(layer.table) - 1.0)

    def run(value: Tensor) -> Tensor:
        clamped = build.minimum(build.maximum(value, build.number(0.0)), last)
        index = build.cast(build.add(clamped, build.number(0.5)), "int32")
        return build.gather(table, build.reshape(index, (value.shape[0],)))

    return x.apply(run)


def _reverse(build: Builder, layer: Reverse, x: Steps) -> Steps:
    return x.reversed()


def _last_step(build: Builder, layer: LastStep, x: Steps) -> Steps:
    return x.last()


def _bidirectional(build: Builder, layer: Bidirectional, x: Steps) -> Steps:
    forward, backward = (lower_float_chain(build, chain, x) for chain in layer.chains)

    def merge(a: Tensor, b: Tensor) -> Tensor:
        match layer.merge:
            case "concat":
                return build.concat([a, b], 1)
            case "sum":
                return build.add(a, b)
            case "mul":
                return build.multiply(a, b)
            case "ave":
                return build.multiply(build.add(a, b), build.number(0.5))

    return forward.with_other(backward, merge)


def _self_attention(build: Builder, layer: SelfAttention, x: Steps) -> Steps:
    """Head by head; the factor 1 / sqrt(key size) is part of the query's projection."""
    scaled = 1.0 / np.sqrt(layer.query.units // layer.heads)
    query, key, value = (
        build.split(
            _product(build, x.whole, factor * part.kernel, factor * part.bias), [part.units // layer.heads] * layer.heads, 1
        )
        for part, factor in zip(layer.projections[:3], (scaled, 1.0, 1.0), strict=True)
    )
    contexts = []
    for q, k, v in zip(query, key, value, strict=True):
        weights = build.softmax(build.matrix_product(q, k, by_rows=True))
        contexts.append(build.matrix_product(weights, v, by_rows=False))
    return _dense(build, layer.output, Steps(build, whole=build.concat(contexts, 1)))


# Layers that look at one time step alone.
FLOAT_SINGLE: tuple[type[Layer], ...] = (Dense, Activate, Prelu, LayerNormalization)

FLOAT_LOWERINGS: dict[type[Layer], Lowering] = {
    Gru: _gru,
    Lstm: _lstm,
    SimpleRnn: _simple_rnn,
    Mgu: _mgu,
    MinGru: _min_gru,
    FastGrnn: _fast_grnn,
    Dense: _dense,
    Activate: _activate,
    Prelu: _prelu,
    Residual: _residual,
    GlobalPool: _pool,
    LayerNormalization: _layer_normalization,
    Conv1D: _conv1d,
    DepthwiseConv1D: _depthwise,
    Embedding: _embedding,
    Reverse: _reverse,
    LastStep: _last_step,
    Bidirectional: _bidirectional,
    SelfAttention: _self_attention,
}
