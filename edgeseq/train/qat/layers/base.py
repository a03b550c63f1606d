"""What the layers share: scales in their configuration, and matrices that are rounded as they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from edgeseq.arith.matmul import MatmulInput, Operand, WeightBits
from edgeseq.arith.requantize import Multipliers
from edgeseq.arith.scale import RowScales, Scale
from edgeseq.train.qat import ops

PACKAGE = "edgeseq"


class QatLayer(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """A layer whose outputs are integers times a scale, and whose inputs are so too.

    in_scale: (mantissa, exponent) of one input step. code_dtype: of the model's input codes if this layer reads
    them, else None: an int16 tensor. zero_point: of those codes.
    """

    def __init__(self, in_scale: tuple[int, int], code_dtype: Operand | None = None, zero_point: int = 0, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.in_scale = Scale(*in_scale)
        self.code_dtype, self.zero_point = code_dtype, zero_point
        # The recurrences compile themselves; around them, XLA may fuse float operations whose rounding matters.
        self.supports_jit = False

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "in_scale": [self.in_scale.mantissa, self.in_scale.exponent],
            "code_dtype": self.code_dtype,
            "zero_point": self.zero_point,
        }

    def integers(self, x: Any) -> Any:
        """Return the integers that real inputs stand for: codes less their zero point, or int16 values."""
        return ops.saturate(ops.round_half_even(x * (1.0 / self.in_scale.value)))

    def roundings(self) -> list[Rounding]:
        """All matrices of the layer."""
        raise NotImplementedError

    def require(self, condition: bool, message: str) -> None:
        """Raise ValueError naming the layer, as Keras layers do for their arguments."""
        if not condition:
            raise ValueError(f"layer {self.name!r} ({type(self).__name__}): {message}")

    def require_one_of(self, what: str, value: str, allowed: Sequence[str]) -> None:
        """Raise ValueError unless it is one of them."""
        self.require(value in allowed, f"{what} {value!r}; expected one of {', '.join(allowed)}")


class Rounding(NamedTuple):
    """What row factors are chosen from. bias: real (rows,)."""

    matrix: QatMatrix
    bias: Any
    entering: MatmulInput
    out_scale: Scale | RowScales


class QatMatrix:
    """A real (columns, rows) kernel with one multiplier per row and one shift, which say what a weight step is worth.

    unit: float32 (rows,), what the kernel's values are multiples of while it is trained, or None: of 1.
    """

    def __init__(self, layer: QatLayer, name: str, rows: int, columns: int, bits: WeightBits) -> None:
        self.bits = bits
        self.unit: Any = None
        self.kernel = layer.add_weight(name=name, shape=(columns, rows), initializer="glorot_uniform")
        self.multiplier = layer.add_weight(
            name=f"{name}_multiplier", shape=(rows,), dtype="int32", initializer="ones", trainable=False
        )
        self.shift = layer.add_weight(name=f"{name}_shift", shape=(), dtype="int32", initializer=_least_shift, trainable=False)

    def scales(self, entering: MatmulInput, out_scale: Scale | RowScales) -> Any:
        """Real value of one weight step per row, float64: `arith.matmul.weight_scales` as integers and powers of two."""
        whole = tf.cast(tf.convert_to_tensor(self.multiplier) // entering.scale.mantissa, tf.float64)
        # Exact: a mantissa times a power of two.
        step = out_scale.value * 2.0**-entering.scale.exponent
        return whole * step * ops.power_of_two(self.shift)

    def factor(self) -> Any:
        """``multiplier * 2**-shift`` per row, float64."""
        return tf.cast(tf.convert_to_tensor(self.multiplier), tf.float64) * ops.power_of_two(self.shift)

    def real(self) -> Any:
        """The kernel in real units, (columns, rows)."""
        kernel = tf.convert_to_tensor(self.kernel)
        return kernel if self.unit is None else kernel * self.unit

    def rounded(self, bias: Any, entering: MatmulInput, out_scale: Scale | RowScales) -> tuple[Any, Any]:
        """Return (codes float32 (columns, rows), bias in accumulator steps float64 (rows,))."""
        scale = self.scales(entering, out_scale)
        codes = ops.round_weights(self.real(), scale, self.bits)
        return codes, ops.round_bias(bias, scale, entering, codes)

    def adopt(self, chosen: Multipliers) -> None:
        """Take other row factors; the real weights stay."""
        self.multiplier.assign(chosen.multiplier.astype(np.int32))
        self.shift.assign(chosen.shift)


def _least_shift(shape: Any, dtype: Any = None) -> Any:
    """A shift that the rules allow, until a real one is adopted or loaded."""
    return tf.fill(shape, tf.constant(16, tf.int32))
