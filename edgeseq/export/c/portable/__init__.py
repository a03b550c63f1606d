"""The portable kernels: any C99 compiler, every layer and scheme."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgeseq.export.c.layer_plan import LayerPlan, Place
from edgeseq.export.c.portable import around
from edgeseq.export.c.portable.activation import (
    activation_calls,
    activation_kernels,
    plan_lookup,
    plan_rectify,
    plan_relu,
)
from edgeseq.export.c.portable.compact import plan_fast_grnn, plan_min_gru
from edgeseq.export.c.portable.dense import plan_dense
from edgeseq.export.c.portable.recurrent import plan_recurrent
from edgeseq.quantize.types import (
    QuantDelay,
    QuantDense,
    QuantDepthwise,
    QuantEmbedding,
    QuantFastGrnn,
    QuantGru,
    QuantLayer,
    QuantLookup,
    QuantLstm,
    QuantMgu,
    QuantMinGru,
    QuantNormalize,
    QuantPool,
    QuantRectify,
    QuantRelu,
    QuantSimpleRnn,
    QuantWiden,
)

# A residual connection is no entry: plan_layers plans its sides and then their sum.
PLANNERS: dict[type[QuantLayer], Callable[[Any, Place], LayerPlan]] = {
    QuantGru: plan_recurrent,
    QuantLstm: plan_recurrent,
    QuantSimpleRnn: plan_recurrent,
    QuantMgu: plan_recurrent,
    QuantMinGru: plan_min_gru,
    QuantFastGrnn: plan_fast_grnn,
    QuantDense: plan_dense,
    QuantRelu: plan_relu,
    QuantRectify: plan_rectify,
    QuantLookup: plan_lookup,
    QuantWiden: around.plan_widen,
    QuantPool: around.plan_pool,
    QuantNormalize: around.plan_normalize,
    QuantDelay: around.plan_delay,
    QuantDepthwise: around.plan_depthwise,
    QuantEmbedding: around.plan_embedding,
}

plan_sum = around.plan_sum

__all__ = ["PLANNERS", "activation_calls", "activation_kernels", "plan_sum"]
