"""Layers run by the portable kernels: one row at a time, 16-bit multipliers, nothing padded. The smallest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.emit import array
from edgeseq.export.c.layer_plan import LayerPlan, Source
from edgeseq.export.c.layout import arrange, fold_zero_point
from edgeseq.quantize.types import (
    Matvec,
    QuantDense,
    QuantGru,
    QuantLstm,
    QuantRecurrent,
    QuantRelu,
    QuantSimpleRnn,
)

_ROW_KERNELS = ("es_matrix_row.h", "es_dot_s8.c", "es_sigmoid_table.c", "es_sigmoid_q15.c", "es_tanh_q15.c", "es_narrow_s8.c")


def _matrix(name: str, matrix: Matvec, bias: npt.NDArray[np.int32] | None) -> tuple[str, str, int]:
    """Return (array definitions, es_matrix initialiser, bytes)."""
    data = array(f"{name}_weight", matrix.weight) + array(f"{name}_multiplier", matrix.multiplier)
    size = matrix.weight.size + 2 * matrix.rows
    bias_name = "NULL"
    if bias is not None:
        bias_name = f"{name}_bias"
        data += array(bias_name, bias)
        size += 4 * bias.size
    return data, f"{{{name}_weight, {bias_name}, {name}_multiplier, {matrix.shift}}}", size


def _stored_recurrent_bias(layer: QuantRecurrent) -> npt.NDArray[np.int32] | None:
    """The GRU candidate's recurrent bias; every other recurrent bias is merged into the input's."""
    if not isinstance(layer, QuantGru):
        return None
    candidate = layer.recurrent.bias[2 * layer.units :]
    return candidate if bool((candidate != 1).any()) else None


# kernel stem, parameter type and gates of each recurrent cell
_CELLS: dict[type, tuple[str, str, int]] = {
    QuantGru: ("gru", "es_gru_s8_params", 3),
    QuantLstm: ("lstm", "es_lstm_s8_params", 4),
    QuantSimpleRnn: ("simple_rnn", "es_simple_rnn_s8_params", 1),
}


def plan_recurrent(layer: QuantRecurrent, label: str, prefix: str, source: Source, *, last: bool) -> LayerPlan:
    """Plan a recurrent layer."""
    stem, struct, gates = _CELLS[type(layer)]
    name, units = f"{prefix}_{label}", layer.units
    kernel = arrange(fold_zero_point(layer.input, source.zero_point), gates)
    recurrent = arrange(layer.recurrent, gates)
    input_data, input_init, input_bytes = _matrix(f"{name}_input", kernel, kernel.bias)
    state_data, state_init, state_bytes = _matrix(f"{name}_recurrent", recurrent, _stored_recurrent_bias(layer))
    numbers = [source.size, units, layer.preactivation_shift]
    if isinstance(layer, QuantLstm):
        numbers.append(layer.cell_shift)
    data = input_data + state_data
    data += f"static const ES_FLASH {struct} {name} = {{{input_init}, {state_init}, {', '.join(map(str, numbers))}}};\n"
    carry = [Buffer(f"{label}_h", "int16", units, "hidden state, 2^-15")]
    work = [Buffer("h_narrow", "int8", units, "int8 view of the old hidden state")]
    scratch, hidden = f"state->scratch.work.{label}", f"state->carry.{label}_h"
    arguments = [f"&{name}", source.expression, hidden]
    calls = []
    if source.input_dtype is None:
        work.insert(0, Buffer("x_narrow", "int8", source.size, "int8 view of the layer's input"))
        calls.append(f"es_narrow_s8({source.expression}, {source.size}, {scratch}.x_narrow);")
        arguments[1] = f"{scratch}.x_narrow"
    if isinstance(layer, QuantLstm):
        carry.append(Buffer(f"{label}_c", "int16", units, f"cell state, 2^{layer.cell_shift - 15}"))
        arguments.append(f"state->carry.{label}_c")
    arguments.append(f"{scratch}.h_narrow")
    if isinstance(layer, QuantGru) and not layer.reset_after:
        stem = "gru_reset_before"
        work.append(Buffer("reset_narrow", "int8", units, "int8 view of r * h"))
        work.insert(0, Buffer("update", "int16", units, "update gate"))
        arguments += [f"{scratch}.reset_narrow", f"{scratch}.update"]
    wide = source.input_dtype == "int16"
    function = f"es_{stem}_step_{'s16' if wide else 's8'}"
    calls.append(f"{function}({', '.join(arguments)});")
    if last:
        calls.append(f"memcpy(y, {hidden}, sizeof({hidden}));")
    return LayerPlan(
        label=label,
        data=data,
        calls=tuple(calls),
        kernels=(f"{function}.c", f"es_{stem}_step.h", *(["es_dot_s16.c"] if wide else []), *_ROW_KERNELS),
        output=hidden,
        weight_bytes=layer.input.weight.size + layer.recurrent.weight.size,
        table_bytes=input_bytes + state_bytes - layer.input.weight.size - layer.recurrent.weight.size,
        carry=tuple(carry),
        work=tuple(work),
    )


def plan_dense(layer: QuantDense, label: str, prefix: str, source: Source, *, last: bool) -> LayerPlan:
    """Plan a Dense layer, from an int8 or an int16 input."""
    name = f"{prefix}_{label}"
    matrix = fold_zero_point(layer.matvec, source.zero_point) if layer.input_dtype == "int8" else layer.matvec
    data, init, size = _matrix(name, matrix, matrix.bias)
    activation = f"ES_ACTIVATION_{layer.activation.upper()}"
    struct = f"{name}_params"
    data += (
        f"static const ES_FLASH es_dense_params {struct} = "
        f"{{{init}, {source.size}, {layer.units}, {activation}, {layer.preactivation_shift}}};\n"
    )
    output = "y" if last else f"state->scratch.{label}_y"
    kernel = "es_dense_s8" if layer.input_dtype == "int8" else "es_dense_s16"
    calls = [f"{kernel}(&{struct}, {source.expression}, {output});"]
    kernels = ["es_matrix_row.h", f"{kernel}.c", *(["es_dot_s8.c"] if layer.input_dtype == "int8" else [])]
    calls += activation_calls(layer, output)
    kernels += activation_kernels(layer.activation)
    return LayerPlan(
        label=label,
        data=data,
        calls=tuple(calls),
        kernels=tuple(kernels),
        output=output,
        weight_bytes=layer.matvec.weight.size,
        table_bytes=size - layer.matvec.weight.size,
        tensors=() if last else (Buffer(f"{label}_y", "int16", layer.units, "result of the Dense layer"),),
    )


def activation_calls(layer: QuantDense, output: str) -> list[str]:
    """The call that activates a Dense layer's result in place, if it has one."""
    if layer.activation == "linear":
        return []
    activation = f"ES_ACTIVATION_{layer.activation.upper()}"
    return [f"es_activate_s16({activation}, {layer.preactivation_shift}, {output}, {layer.units});"]


def activation_kernels(activation: str) -> list[str]:
    """Kernel files of an activation."""
    if activation == "linear":
        return []
    return ["es_activate_s16.c", "es_sigmoid_table.c", "es_sigmoid_q15.c", "es_tanh_q15.c"]


def plan_relu(layer: QuantRelu, label: str, source: Source, *, last: bool) -> LayerPlan:
    """Plan a ReLU."""
    output = "y" if last else f"state->scratch.{label}_y"
    return LayerPlan(
        label=label,
        data="",
        calls=(
            f"memcpy({output}, {source.expression}, {layer.units} * sizeof(int16_t));",
            f"es_activate_s16(ES_ACTIVATION_RELU, 0, {output}, {layer.units});",
        ),
        kernels=tuple(activation_kernels("relu")),
        output=output,
        weight_bytes=0,
        table_bytes=0,
        tensors=() if last else (Buffer(f"{label}_y", "int16", layer.units, "result of the ReLU"),),
    )
