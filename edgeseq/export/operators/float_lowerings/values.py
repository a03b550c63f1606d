"""Constants, products and functions that float layers share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeseq.errors import TargetError
from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.types import Matrix, Tensor
from edgeseq.graph.layers import FloatArray


def row_of(build: Builder, values: FloatArray) -> Tensor:
    """A constant of one row."""
    return build.constant(np.asarray(values, np.float32).reshape(1, -1))


def matrix(build: Builder, kernel: FloatArray, bias: FloatArray | None = None) -> Matrix:
    """kernel: (columns, rows), as Keras has it."""
    weight = build.constant(kernel.T.astype(np.float32))
    return Matrix(weight, build.constant((np.zeros(kernel.shape[1]) if bias is None else bias).astype(np.float32)))


def product(build: Builder, x: Tensor, kernel: FloatArray, bias: FloatArray | None = None) -> Tensor:
    """A matrix product with constant weights, (columns, rows) as Keras lays them out."""
    return build.fully_connected(x, matrix(build, kernel, bias), None)


def apply_function(build: Builder, name: str, function: str, x: Tensor, parameters: tuple[float, ...] = ()) -> Tensor:
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
