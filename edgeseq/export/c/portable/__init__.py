"""The portable kernels: any C99 compiler, every layer and scheme."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgeseq.export.c.layer_plan import LayerPlan, Place
from edgeseq.export.c.portable.dense import activation_calls, activation_kernels, plan_dense, plan_relu
from edgeseq.export.c.portable.recurrent import plan_recurrent
from edgeseq.quantize.types import QuantDense, QuantGru, QuantLayer, QuantLstm, QuantRelu, QuantSimpleRnn

PLANNERS: dict[type[QuantLayer], Callable[[Any, Place], LayerPlan]] = {
    QuantGru: plan_recurrent,
    QuantLstm: plan_recurrent,
    QuantSimpleRnn: plan_recurrent,
    QuantDense: plan_dense,
    QuantRelu: plan_relu,
}

__all__ = ["PLANNERS", "activation_calls", "activation_kernels"]
