"""Layers that apply a function to single values, run by the portable kernels."""

from __future__ import annotations

from edgeseq.export.c.emit import array
from edgeseq.export.c.layer_plan import LayerPlan, Place
from edgeseq.quantize.types import QuantDense, QuantDepthwise, QuantElementwise, QuantLookup, QuantRectify, QuantRelu


def activation_calls(layer: QuantDense | QuantDepthwise, output: str) -> list[str]:
    """The call that activates a Dense layer's result in place, if it has one."""
    if layer.activation == "linear":
        return []
    if layer.activation.startswith("hard_sigmoid"):
        return [f"es_hard_sigmoid_s16({layer.preactivation_shift}, {output}, {layer.units});"]
    activation = f"ES_ACTIVATION_{layer.activation.upper()}"
    return [f"es_activate_s16({activation}, {layer.preactivation_shift}, {output}, {layer.units});"]


def activation_kernels(activation: str) -> list[str]:
    """Kernel files of an activation."""
    if activation == "linear":
        return []
    if activation.startswith("hard_sigmoid"):
        return ["es_functions.h", "es_hard_sigmoid_s16.c"]
    return ["es_activate_s16.c", "es_sigmoid_table.c", "es_sigmoid_q15.c", "es_tanh_q15.c"]


def plan_relu(layer: QuantRelu, place: Place) -> LayerPlan:
    """Plan a ReLU."""
    copy = f"memcpy({place.output}, {place.source.expression}, {layer.units} * sizeof(int16_t));"
    activate = f"es_activate_s16(ES_ACTIVATION_RELU, 0, {place.output}, {layer.units});"
    return _plan(layer, place, (copy, activate), tuple(activation_kernels("relu")), "result of the ReLU")


def plan_rectify(layer: QuantRectify, place: Place) -> LayerPlan:
    """Plan straight pieces."""
    slopes = f"{place.name}_slopes"
    step = int(layer.slope.size > 1)
    tensors = f"{place.source.expression}, {place.output}"
    call = f"es_rectify_s16({slopes}, {step}, {layer.threshold}, {layer.limit}, {tensors}, {layer.units});"
    data = array(slopes, layer.slope)
    return _plan(layer, place, (call,), ("es_rectify_s16.c",), "rectified values", data, layer.slope.nbytes)


def plan_lookup(layer: QuantLookup, place: Place) -> LayerPlan:
    """Plan a table."""
    table = f"{place.name}_table"
    call = f"es_lookup_s16({table}, {place.source.expression}, {place.output}, {layer.units});"
    kernels = ("es_functions.h", "es_lookup_s16.c")
    return _plan(layer, place, (call,), kernels, "values of the function", array(table, layer.table), layer.table.nbytes)


def _plan(
    layer: QuantElementwise,
    place: Place,
    calls: tuple[str, ...],
    kernels: tuple[str, ...],
    reason: str,
    data: str = "",
    table_bytes: int = 0,
) -> LayerPlan:
    return LayerPlan(
        label=place.label,
        data=data,
        calls=calls,
        kernels=kernels,
        output=place.output,
        weight_bytes=0,
        table_bytes=table_bytes,
        tensors=place.output_buffer(layer.units, reason),
    )
