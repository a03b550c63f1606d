"""Layers that look at one time step alone, run by the portable kernels."""

from __future__ import annotations

from edgeseq.export.c.layer_plan import LayerPlan, Place
from edgeseq.export.c.layout import fold_zero_point
from edgeseq.export.c.portable.matrix import dot_kernel, store, suffix
from edgeseq.quantize.types import QuantDense, QuantDepthwise, QuantRelu


def plan_dense(layer: QuantDense, place: Place) -> LayerPlan:
    """Plan a Dense layer, from an int8 or an int16 input."""
    source, params = place.source, f"{place.name}_params"
    matrix = fold_zero_point(layer.matvec, source.zero_point) if layer.input_dtype == "int8" else layer.matvec
    stored = store(place.name, matrix, matrix.bias)
    activation = f"ES_ACTIVATION_{layer.activation.upper()}"
    data = stored.data + (
        f"static const ES_FLASH es_dense_params {params} = "
        f"{{{stored.initializer}, {source.size}, {layer.units}, {activation}, {layer.preactivation_shift}}};\n"
    )
    wide = layer.input_dtype == "int16"
    kernel = f"es_dense_{suffix(layer.input_dtype)}{'_w4' if matrix.bits == 4 else ''}"
    # The commonest of the four has its loop inside.
    dots = () if wide and matrix.bits == 8 else (dot_kernel(layer.input_dtype, matrix),)
    return LayerPlan(
        label=place.label,
        data=data,
        calls=(f"{kernel}(&{params}, {source.expression}, {place.output});", *activation_calls(layer, place.output)),
        kernels=("es_matrix_row.h", f"{kernel}.c", *dots, *activation_kernels(layer.activation)),
        output=place.output,
        weight_bytes=stored.weight_bytes,
        table_bytes=stored.table_bytes,
        tensors=place.output_buffer(layer.units, "result of the Dense layer"),
    )


def activation_calls(layer: QuantDense | QuantDepthwise, output: str) -> list[str]:
    """The call that activates a layer's result in place, if it has one."""
    if layer.activation == "linear":
        return []
    activation = f"ES_ACTIVATION_{layer.activation.upper()}"
    return [f"es_activate_s16({activation}, {layer.preactivation_shift}, {output}, {layer.units});"]


def activation_kernels(activation: str) -> list[str]:
    """Kernel files of an activation."""
    if activation == "linear":
        return []
    return ["es_activate_s16.c", "es_sigmoid_table.c", "es_sigmoid_q15.c", "es_tanh_q15.c"]


def plan_relu(layer: QuantRelu, place: Place) -> LayerPlan:
    """Plan a ReLU."""
    return LayerPlan(
        label=place.label,
        data="",
        calls=(
            f"memcpy({place.output}, {place.source.expression}, {layer.units} * sizeof(int16_t));",
            f"es_activate_s16(ES_ACTIVATION_RELU, 0, {place.output}, {layer.units});",
        ),
        kernels=tuple(activation_kernels("relu")),
        output=place.output,
        weight_bytes=0,
        table_bytes=0,
        tensors=place.output_buffer(layer.units, "result of the ReLU"),
    )
