"""Pooling and causal convolutions, which look at past steps, in floats."""

from __future__ import annotations

from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.float_lowerings.single import dense
from edgeseq.export.operators.float_lowerings.values import apply_function, row_of
from edgeseq.export.operators.lowerings.steps import Steps
from edgeseq.export.operators.types import Tensor
from edgeseq.graph import Conv1D, Dense, DepthwiseConv1D, GlobalPool


def pool(build: Builder, layer: GlobalPool, x: Steps) -> Steps:
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


def conv1d(build: Builder, layer: Conv1D, x: Steps) -> Steps:
    """A Dense layer over the taps."""
    columns = Dense(layer.name, layer.kernel.reshape(-1, layer.units), layer.bias, layer.activation)
    return dense(build, columns, _taps(build, layer.name, layer.taps, layer.dilation, x))


def depthwise(build: Builder, layer: DepthwiseConv1D, x: Steps) -> Steps:
    """As a sum over the taps of products with a row each, an output of a channel after the other."""
    taps, channels, multiplier = layer.kernel.shape

    def run(value: Tensor) -> Tensor:
        seen = build.split(value, [channels] * taps, 1)
        outputs = []
        for at in range(multiplier):
            products = [build.multiply(part, row_of(build, layer.kernel[tap, :, at])) for tap, part in enumerate(seen)]
            total = products[0]
            for product in products[1:]:
                total = build.add(total, product)
            outputs.append(build.reshape(total, (total.shape[0], channels, 1)))
        made = build.reshape(build.concat(outputs, 2), (value.shape[0], channels * multiplier))
        return apply_function(build, layer.name, layer.activation, build.add(made, row_of(build, layer.bias)))

    return _taps(build, layer.name, taps, layer.dilation, x).apply(run)
