"""What self-attention does between its projections, run by the portable kernel."""

from __future__ import annotations

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.layer_plan import LayerPlan
from edgeseq.quantize.types import QuantAttention


def plan_attention(layer: QuantAttention, label: str, prefix: str, steps: int, rows: tuple[str, str]) -> LayerPlan:
    """Plan all pairs of a window's steps. rows: where queries, keys and values lie side by side, and where contexts go."""
    name = f"{prefix}_{label}"
    key_size, value_size = layer.key.units // layer.heads, layer.value.units // layer.heads
    numbers = (steps, layer.heads, key_size, value_size, layer.multiplier, layer.shift, layer.fraction_bits, layer.key_bits)
    return LayerPlan(
        label=label,
        data=f"static const ES_FLASH es_attention_params {name}_params = {{{', '.join(map(str, numbers))}}};\n",
        calls=(f"es_attend_s16(&{name}_params, {rows[0]}, state->scratch.work.{label}.weights, {rows[1]});",),
        kernels=("es_window.h", "es_attend_s16.c", "es_power_table.c"),
        output=rows[1],
        weight_bytes=0,
        table_bytes=0,
        work=(Buffer("weights", "uint16", steps, "scores of one time step with all, then their softmax"),),
    )
