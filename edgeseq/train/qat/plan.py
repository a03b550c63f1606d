"""How each Keras layer becomes a layer that computes with integers: one planner per kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeseq.arith.matmul import OUTPUT_HEADROOM, choose_output, choose_preactivation, whole_input
from edgeseq.arith.rounding import DENSE_DAMPING, Moments
from edgeseq.arith.scale import Q15
from edgeseq.train.qat.layers import QatDense
from edgeseq.train.qat.plan_recurrent import RECURRENT, recurrent
from edgeseq.train.qat.planned import Between, Planned, Schemes, pair
from edgeseq.train.qat.rows import row_factors, start


def dense(layer: Any, before: Between, schemes: Schemes, *, activation: str, last: bool) -> Planned:
    """A Dense layer with the activation that follows it; TimeDistributed changes nothing but the name."""
    name, bits = layer.name, schemes.dense_bits(layer)
    layer = layer.layer if type(layer).__name__ == "TimeDistributed" else layer
    kernel = np.asarray(layer.kernel, np.float64)
    bias = np.zeros(layer.units) if layer.bias is None else np.asarray(layer.bias, np.float64)
    what = f"layer {name!r}"
    entering = whole_input(before.scale, before.input_dtype, before.zero_point)
    values = before.values @ kernel + bias
    reached, reads = float(np.abs(values).max()), Moments.of(before.values)
    common = {"name": name, "bits": bits, **before.config}
    if activation in ("sigmoid", "tanh"):
        shift, (chosen,) = choose_preactivation(what, reached, lambda s: [row_factors(kernel, bias, entering, s, bits, reads)])
        built = QatDense(layer.units, activation, preactivation_shift=shift, **common)
        after = Between(np.tanh(values) if activation == "tanh" else 0.5 + 0.5 * np.tanh(0.5 * values), Q15)
    else:
        worst = float((np.abs(kernel).sum(axis=0) * before.bound + np.abs(bias)).max(initial=0.0))
        # As in quantisation after training: room for unseen inputs at the end, a tight range between layers.
        reach = min(worst, OUTPUT_HEADROOM * reached) if last else reached
        out_scale, chosen = choose_output(what, reach, lambda s: row_factors(kernel, bias, entering, s, bits, reads))
        built = QatDense(layer.units, activation, out_scale=pair(out_scale), **common)
        after = Between(np.maximum(values, 0.0) if activation == "relu" else values, out_scale)

    def settle(damping: float) -> None:
        # The dampings that are tried are for states that feed back.
        built.bias.assign(bias + start(built.matrix, kernel, chosen, reads, DENSE_DAMPING))

    return Planned(built, after, settle)


def as_it_is(layer: Any, before: Between, schemes: Schemes, *, activation: str, last: bool) -> Planned:
    """Dropout, a ReLU after a recurrent layer, a final softmax: exact on any integers, or train-time only."""
    values = np.maximum(before.values, 0.0) if activation == "relu" else before.values
    copied = type(layer).from_config(layer.get_config())
    return Planned(copied, Between(values, before.scale, before.input_dtype, before.zero_point))


PLANNERS: dict[str, Callable[..., Planned]] = {
    **dict.fromkeys(RECURRENT, recurrent),
    "Dense": dense,
    "TimeDistributed": dense,
    "Activation": as_it_is,
    "ReLU": as_it_is,
    "Softmax": as_it_is,
    "Dropout": as_it_is,
}
