"""What the file says of a layer that was trained with integers, checked, and its weights rounded as training rounded them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeseq.arith.activation import sigmoid_q15
from edgeseq.arith.matmul import (
    INT32_LIMIT,
    MAX_FACTOR_SHIFT,
    MAX_STATE_SHIFT,
    SCHEME_PARTS,
    MatmulInput,
    Operand,
    Scheme,
    WeightBits,
    doubled_input,
    int16_operand,
    round_bias,
    round_weights,
    weight_scales,
)
from edgeseq.arith.requantize import INT16_MAX, INT16_MIN, MAX_MULTIPLIER, MAX_SHIFT, MIN_SHIFT
from edgeseq.arith.scale import (
    MAX_PREACTIVATION_SHIFT,
    MIN_PREACTIVATION_SHIFT,
    Q15,
    RowScales,
    Scale,
    power_of_two,
    preactivation_scale,
    row_scales,
)
from edgeseq.frontend.handlers.chain import MAX_UNITS, Chain, Refusal
from edgeseq.frontend.source import Config, SourceLayer
from edgeseq.graph import (
    FixedRecurrent,
    FixedRows,
    FixedTensor,
)
from edgeseq.graph.layers import FloatArray

# Exponents that any real signal's step has; beyond them products of scales would leave float64.
_MAX_EXPONENT = 60
# The first of each is Keras' default.
CANDIDATE_FUNCTIONS = ("tanh", "sigmoid", "hard_sigmoid", "relu", "linear")
GATE_FUNCTIONS = ("sigmoid", "hard_sigmoid")


class Bad(Exception):  # noqa: N818 (a refusal's reason on its way up, not an error)
    """Why the layer is refused."""


def refusing(handle: Any) -> Any:
    """Turn a reason raised anywhere in a handler into its Refusal."""

    def handler(layer: SourceLayer, chain: Chain) -> str | Refusal | None:
        try:
            return handle(layer, chain)
        except Bad as error:
            return Refusal(layer.name, str(error))

    return handler


@dataclass(frozen=True, slots=True, eq=False)
class RecurrentSettings:
    """What the configuration of any recurrent layer says."""

    units: int
    scheme: Scheme
    reads: FixedTensor
    shift: int
    state_shift: int
    candidate_shift: int
    sequences: bool

    @property
    def operand(self) -> Operand:
        """How int16 tensors enter the products."""
        return SCHEME_PARTS[self.scheme][0]

    @property
    def bits(self) -> WeightBits:
        """Of the weights."""
        return SCHEME_PARTS[self.scheme][1]

    @property
    def x_enters(self) -> MatmulInput:
        """The layer's input."""
        return doubled_input(self.reads.scale, self.operand, self.reads.dtype, self.reads.zero_point)

    @property
    def h_enters(self) -> MatmulInput:
        """The state."""
        return int16_operand(power_of_two(self.state_shift), self.operand)

    def scales(self, functions: tuple[str, ...]) -> Scale | RowScales:
        """Of the rows, given the function of each block; gates are bounded."""
        return row_scales(functions, self.shift, [self.candidate_shift] * len(functions), self.units)

    def fixed(self, for_input: FixedRows, for_state: FixedRows | None) -> FixedRecurrent:
        """As the graph carries them."""
        return FixedRecurrent(
            self.scheme,
            self.reads,
            self.shift,
            for_input,
            for_state,
            state_shift=self.state_shift,
            candidate_shift=self.candidate_shift,
        )

    def leave(self, chain: Chain) -> None:
        """Tell the chain what the layer gives."""
        chain.features, chain.has_time_axis = self.units, self.sequences


def recurrent_settings(layer: SourceLayer, chain: Chain) -> RecurrentSettings:
    """Read them. Raises Bad."""
    config = layer.config
    if not chain.has_time_axis:
        raise Bad("the layer before returns only its last step; set return_sequences=True there")
    return RecurrentSettings(
        units_of(config),
        one_of(config, "scheme", SCHEME_PARTS),
        tensor_of(config, "in_scale"),
        preactivation_of(config),
        one_of(config, "state_shift", range(MAX_STATE_SHIFT + 1), 0),
        one_of(config, "candidate_shift", range(MAX_STATE_SHIFT + 1), 0),
        bool(config.get("return_sequences", False)),
    )


def cell_functions(config: Config, *keys: str) -> dict[str, Any]:
    """The cell's functions by name; files from before they could be chosen do not say."""
    allowed = {"activation": CANDIDATE_FUNCTIONS, "recurrent_activation": GATE_FUNCTIONS}
    return {key: one_of(config, key, allowed[key], allowed[key][0]) for key in keys}


def factor_of(config: Config, key: str) -> tuple[int, Scale, int] | None:
    """Rank, scale and shift of a first factor."""
    value = config.get(key)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Bad(f"{key}={value!r}; expected rank, scale and shift")
    rank: Any = value.get("rank")
    if type(rank) is not int or not 1 <= rank <= MAX_UNITS:
        raise Bad(f"{key} has rank {rank!r}; expected 1 to {MAX_UNITS}")
    return rank, scale_of(value.get("scale"), f"{key}'s scale"), one_of(value, "shift", range(MAX_FACTOR_SHIFT + 1))


def whole_steps(value: FloatArray, scale: Scale) -> FloatArray:
    """To the nearest int16 step."""
    return np.asarray(np.clip(np.rint(value / scale.value), INT16_MIN, INT16_MAX))


def share_of(raw: FloatArray, what: str) -> FloatArray:
    """Zeta or nu, (1,), as training computes it: the integer sigmoid of its raw value."""
    expect_shape(raw, (1,), what)
    argument = whole_steps(raw, preactivation_scale(MIN_PREACTIVATION_SHIFT)).astype(np.int32)
    return np.asarray(sigmoid_q15(argument << MIN_PREACTIVATION_SHIFT) * Q15.value, np.float64)


def as_trained(
    kernel: FloatArray,
    bias: FloatArray,
    rows: FixedRows,
    entering: MatmulInput,
    out_scale: Scale | RowScales,
    bits: WeightBits,
) -> tuple[FloatArray, FloatArray]:
    """Round as training did and return the real values of the integers; kernel: (columns, rows)."""
    scale = weight_scales(rows.multiplier, rows.shift, entering.scale, out_scale)
    largest = float(np.abs(bias / (scale * entering.scale.value)).max(initial=0.0))
    if largest >= INT32_LIMIT:
        raise Bad(f"a bias of {largest:.3g} steps does not fit its row; train on with new row factors (Rescale)")
    codes = round_weights(kernel.T, scale, bits)
    steps = round_bias(bias, scale, entering, codes)
    return (codes * scale[:, None]).T, steps * (scale * entering.scale.value)


def arrays_of(layer: SourceLayer, count: int) -> tuple[FloatArray, ...]:
    """All weight arrays, which must be so many."""
    if len(layer.weights) != count:
        raise Bad(f"{len(layer.weights)} weight arrays; expected {count}. The file may be damaged; save the model again")
    return layer.weights


def expect_shape(array: FloatArray, shape: tuple[int, ...], what: str) -> None:
    """Raise Bad unless the array has the shape."""
    if array.shape != shape:
        raise Bad(f"{what} {array.shape}; expected {shape}")


def features_of(chain: Chain, kernel: FloatArray) -> int:
    """Features of the layer's input; of the first layer, what its kernel reads."""
    return chain.features if chain.features is not None else (kernel.shape[0] if kernel.ndim else -1)


def rows_of(multiplier: FloatArray, shift: FloatArray, count: int, entering: MatmulInput) -> FixedRows:
    """Row factors that the rules allow."""
    expect_shape(multiplier, (count,), "multipliers")
    expect_shape(shift, (), "shift")
    mantissa = entering.scale.mantissa
    if not ((multiplier >= 1) & (multiplier <= MAX_MULTIPLIER) & (multiplier % mantissa == 0)).all():
        raise Bad(f"a row multiplier is not a multiple of {mantissa} in 1..{MAX_MULTIPLIER}; prepare the model again")
    if not (MIN_SHIFT <= shift <= MAX_SHIFT and shift == np.rint(shift)):
        raise Bad(f"shift {float(shift):g} is outside {MIN_SHIFT}..{MAX_SHIFT}; prepare the model again")
    return FixedRows(multiplier.astype(np.int16), int(shift))


def numbers_of(config: Config, key: str, count: int | None) -> FloatArray:
    """A list of finite numbers in the config, one per feature."""
    values = config.get(key)
    if not isinstance(values, list | tuple) or not values or count not in (None, len(values)):
        raise Bad(f"{key} is not a list of {count or 'at least one'} numbers")
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        raise Bad(f"{key} holds something else than finite numbers")
    return np.array(values, np.float64)


def units_of(config: Config) -> int:
    """Hidden units, or outputs."""
    units: Any = config.get("units")
    if type(units) is not int or not 1 <= units <= MAX_UNITS:
        raise Bad(f"units={units!r}; expected 1 to {MAX_UNITS}")
    return units


def one_of(config: Config, key: str, allowed: Any, default: Any = None) -> Any:
    """A value of the config, which must be allowed."""
    value = config.get(key, default)
    if isinstance(value, list | dict) or value not in allowed:
        raise Bad(f"{key}={value!r}; expected one of {', '.join(map(str, allowed))}")
    return value


def preactivation_of(config: Config) -> int:
    """The pre-activation shift."""
    return int(one_of(config, "preactivation_shift", range(MIN_PREACTIVATION_SHIFT, MAX_PREACTIVATION_SHIFT + 1)))


def tensor_of(config: Config, key: str) -> FixedTensor:
    """The tensor that a layer reads; key: of its scale."""
    dtype: Operand | None = one_of(config, "code_dtype", (None, "int8", "int16"))
    zero_point = config.get("zero_point", 0)
    if type(zero_point) is not int or not -128 <= zero_point <= 127 or (dtype != "int8" and zero_point):
        raise Bad(f"zero point {zero_point!r} of {dtype} codes")
    return FixedTensor(scale_of(config.get(key), key), dtype, zero_point)


def scale_of(value: Any, what: str) -> Scale:
    """A scale from its two numbers."""
    if (
        not isinstance(value, list | tuple)
        or len(value) != 2
        or any(type(part) is not int for part in value)
        or not 1 <= value[0] < 128
        or abs(value[1]) > _MAX_EXPONENT
    ):
        raise Bad(f"{what}={value!r}; expected a mantissa of 7 bits and an exponent")
    return Scale(*value)
