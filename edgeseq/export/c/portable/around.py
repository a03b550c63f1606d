"""Layers around the recurrent ones, run by the portable kernels."""

from __future__ import annotations

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.emit import array
from edgeseq.export.c.layer_plan import LayerPlan, Place, Source
from edgeseq.export.c.portable.activation import activation_calls, activation_kernels
from edgeseq.export.c.portable.matrix import store
from edgeseq.quantize.types import (
    QuantDelay,
    QuantDepthwise,
    QuantEmbedding,
    QuantNormalize,
    QuantPool,
    QuantResidual,
    QuantWiden,
)


def plan_widen(layer: QuantWiden, place: Place) -> LayerPlan:
    """Input codes as an int16 tensor."""
    source = place.source
    if source.input_dtype == "int8":
        call = f"es_widen_s8({source.expression}, {source.zero_point}, {layer.shift}, {layer.size}, {place.output});"
        return _plain(place, layer.units, call, "es_widen_s8.c", "input codes as an int16 tensor")
    call = f"es_widen_s16({source.expression}, {layer.shift}, {layer.size}, {place.output});"
    return _plain(place, layer.units, call, "es_widen_s16.c", "input codes as an int16 tensor")


def plan_sum(layer: QuantResidual, place: Place, body: Source, shortcut: Source) -> LayerPlan:
    """The sum of two sides that have been computed before."""
    call = (
        f"es_add_s16({body.expression}, {layer.body_shift}, {shortcut.expression}, {layer.shortcut_shift}, "
        f"{layer.units}, {place.output});"
    )
    return _plain(place, layer.units, call, "es_add_s16.c", "sum of both sides")


def plan_normalize(layer: QuantNormalize, place: Place) -> LayerPlan:
    """Zero mean and unit variance."""
    call = (
        f"es_normalize_s16({place.source.expression}, {layer.size}, INT64_C({layer.epsilon}), {layer.fraction_bits}, "
        f"{place.output});"
    )
    return _plain(place, layer.units, call, "es_normalize_s16.c", "zero mean, unit variance")


def _plain(place: Place, units: int, call: str, kernel: str, reason: str) -> LayerPlan:
    """A layer without data or state."""
    return LayerPlan(
        label=place.label,
        data="",
        calls=(call,),
        kernels=(kernel,),
        output=place.output,
        weight_bytes=0,
        table_bytes=0,
        tensors=place.output_buffer(units, reason),
    )


def plan_pool(layer: QuantPool, place: Place) -> LayerPlan:
    """The value so far."""
    label, size = place.label, layer.size
    carry: tuple[Buffer, ...]
    if layer.function == "max":
        carry = (Buffer(f"{label}_largest", "uint16", size, "largest value so far, plus 32768"),)
    else:
        carry = (
            Buffer(f"{label}_low", "uint16", size, "low halves of the sums so far"),
            Buffer(f"{label}_high", "int16", size, "their high halves"),
            Buffer(f"{label}_count", "int16", 1, "time steps in the sums"),
        )
    kept = ", ".join(f"state->carry.{buffer.name}" for buffer in carry)
    kernel = f"es_pool_{layer.function}"
    return LayerPlan(
        label=label,
        data="",
        calls=(f"{kernel}({place.source.expression}, {size}, {kept}, {place.output});",),
        kernels=(f"{kernel}.c",),
        output=place.output,
        weight_bytes=0,
        table_bytes=0,
        carry=carry,
        tensors=place.output_buffer(size, "pooled over time"),
    )


def plan_delay(layer: QuantDelay, place: Place) -> LayerPlan:
    """What a convolution sees; the present step is copied behind its past."""
    label, size = place.label, layer.size
    values = layer.history * size
    # An even number of bytes, so that what follows is aligned without padding.
    ring = Buffer(f"{label}_ring", layer.dtype, values + (values % 2 if layer.dtype == "int8" else 0), "past time steps")
    carry = (ring, Buffer(f"{label}_at", "int16", 1, "slot of the oldest of them"))
    present = f"{place.output} + {size * (layer.taps - 1)}"
    kernel = f"es_recall_s{8 if layer.dtype == 'int8' else 16}"
    kept = f"state->carry.{label}_ring, state->carry.{label}_at"
    return LayerPlan(
        label=label,
        data="",
        calls=(
            f"memcpy({present}, {place.source.expression}, {size} * sizeof(int16_t));",
            f"{kernel}({kept}, {size}, {layer.taps}, {layer.dilation}, {place.output});",
        ),
        kernels=(f"{kernel}.c",),
        output=place.output,
        weight_bytes=0,
        table_bytes=0,
        carry=carry,
        tensors=place.output_buffer(layer.units, "what the convolution sees, the oldest step first"),
    )


def plan_depthwise(layer: QuantDepthwise, place: Place) -> LayerPlan:
    """Every channel by itself."""
    params = f"{place.name}_params"
    stored = store(place.name, layer.matvec, layer.matvec.bias)
    sizes = f"{layer.channels}, {layer.matvec.columns}, {layer.multiplier}"
    data = f"static const ES_FLASH es_depthwise_params {params} = {{{stored.initializer}, {sizes}}};\n"
    call = f"es_depthwise_s16(&{params}, {place.source.expression}, {place.output});"
    return LayerPlan(
        label=place.label,
        data=stored.data + data,
        calls=(call, *activation_calls(layer, place.output)),
        kernels=("es_depthwise_s16.c", *activation_kernels(layer.activation)),
        output=place.output,
        weight_bytes=stored.weight_bytes,
        table_bytes=stored.table_bytes,
        tensors=place.output_buffer(layer.units, "result of the channels"),
    )


def plan_embedding(layer: QuantEmbedding, place: Place) -> LayerPlan:
    """A row of the table."""
    table = f"{place.name}_table"
    call = f"es_embed_s16({table}, {place.source.expression}, {len(layer.table)}, {layer.units}, {place.output});"
    return LayerPlan(
        label=place.label,
        data=array(table, layer.table),
        calls=(call,),
        kernels=("es_embed_s16.c",),
        output=place.output,
        weight_bytes=layer.table.size,
        table_bytes=0,
        tensors=place.output_buffer(layer.units, "row of the table"),
    )
