"""Recurrent layers run by the portable kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.layer_plan import LayerPlan, Place
from edgeseq.export.c.layout import arrange, fold_zero_point
from edgeseq.export.c.portable.matrix import dot_kernel, row_function, store, suffix
from edgeseq.quantize.types import Operand, QuantGru, QuantLstm, QuantRecurrent, QuantSimpleRnn

# What ES_H, ES_VIEW and ES_VIEWS of es_step.h are.
_VIEWS: dict[Operand, tuple[str, str, str]] = {
    "int8": ("int8_t", "es_narrow", "es_narrow_s8"),
    "int16": ("int16_t", "es_halve", "es_halve_s16"),
}
# kernel stem and parameter type of each cell
_CELLS: dict[type[QuantRecurrent], tuple[str, str]] = {
    QuantGru: ("gru", "es_gru_params"),
    QuantLstm: ("lstm", "es_lstm_params"),
    QuantSimpleRnn: ("simple_rnn", "es_simple_rnn_params"),
}
_ACTIVATION_KERNELS = ("es_sigmoid_table.c", "es_sigmoid_q15.c", "es_tanh_q15.c")


@dataclass(frozen=True, slots=True)
class _Step:
    """The function of one combination of types."""

    function: str
    instance: str
    kernels: tuple[str, ...]


def plan_recurrent(layer: QuantRecurrent, place: Place) -> LayerPlan:
    """Plan a recurrent layer."""
    stem, struct = _CELLS[type(layer)]
    source, name, units, operand = place.source, place.name, layer.units, layer.operand
    if isinstance(layer, QuantGru) and not layer.reset_after:
        stem = "gru_before"
    kernel = arrange(fold_zero_point(layer.input, source.zero_point), layer.gates)
    stored = (
        store(f"{name}_input", kernel, kernel.bias),
        store(f"{name}_recurrent", arrange(layer.recurrent, layer.gates), _stored_recurrent_bias(layer)),
    )
    numbers = [source.size, units, layer.preactivation_shift]
    if isinstance(layer, QuantLstm):
        numbers.append(layer.cell_shift)
    initializers = ", ".join(matrix.initializer for matrix in stored)
    data = "".join(matrix.data for matrix in stored)
    data += f"static const ES_FLASH {struct} {name} = {{{initializers}, {', '.join(map(str, numbers))}}};\n"
    step = _step(stem, layer, source.input_dtype or operand)
    hidden = f"state->carry.{place.label}_h"
    carry, work, arguments = _buffers(layer, place, stem)
    calls = []
    x = source.expression
    if source.input_dtype is None:
        x = f"{place.scratch}.x_view"
        calls.append(f"{_VIEWS[operand][2]}({source.expression}, {source.size}, {x});")
        work.insert(0, Buffer("x_view", operand, source.size, "the layer's input as the products read it"))
    calls.append(f"{step.function}(&{name}, {x}, {', '.join(arguments)});")
    if place.last:
        calls.append(f"memcpy(y, {hidden}, sizeof({hidden}));")
    return LayerPlan(
        label=place.label,
        data=data,
        calls=tuple(calls),
        kernels=step.kernels,
        output=hidden,
        weight_bytes=sum(matrix.weight_bytes for matrix in stored),
        table_bytes=sum(matrix.table_bytes for matrix in stored),
        carry=tuple(carry),
        work=tuple(work),
        instances=(step.instance,),
    )


def _buffers(layer: QuantRecurrent, place: Place, stem: str) -> tuple[list[Buffer], list[Buffer], list[str]]:
    """Carried vectors, scratch vectors, and the arguments of the step behind x."""
    units, operand = layer.units, layer.operand
    carry = [Buffer(f"{place.label}_h", "int16", units, "hidden state, 2^-15")]
    if isinstance(layer, QuantLstm):
        carry.append(Buffer(f"{place.label}_c", "int16", units, f"cell state, 2^{layer.cell_shift - 15}"))
    scratch = [Buffer("h_view", operand, units, "the old hidden state as the products read it")]
    work = scratch
    if stem == "gru_before":
        update = Buffer("update", "int16", units, "update gate")
        scratch = [*scratch, Buffer("reset_view", operand, units, "r * h as the products read it"), update]
        work = [update, *scratch[:-1]]
    arguments = [f"state->carry.{buffer.name}" for buffer in carry] + [f"{place.scratch}.{buffer.name}" for buffer in scratch]
    return carry, list(work), arguments


def _step(stem: str, layer: QuantRecurrent, x: Operand) -> _Step:
    """The step for x and the state of these types."""
    h_type, view, views = _VIEWS[layer.operand]
    bits = f"_w{layer.input.bits}"
    function = f"es_{stem}_step_{suffix(x)}_{suffix(layer.operand)}{bits}"
    defines = {
        "STEP": function,
        "X": f"{x}_t",
        "H": h_type,
        "VIEW": view,
        "VIEWS": views,
        "INPUT_ROW": row_function(x, layer.input),
        "STATE_ROW": row_function(layer.operand, layer.recurrent),
    }
    header = f"es_{stem}_step.h"
    instance = "".join(f"#define ES_{key} {value}\n" for key, value in defines.items())
    instance += f'#include "{header}"\n' + "".join(f"#undef ES_{key}\n" for key in defines)
    dots = (dot_kernel(x, layer.input), dot_kernel(layer.operand, layer.recurrent))
    return _Step(function, instance, ("es_step.h", "es_matrix_row.h", header, *dots, f"{views}.c", *_ACTIVATION_KERNELS))


def _stored_recurrent_bias(layer: QuantRecurrent) -> npt.NDArray[np.int32] | None:
    """The GRU candidate's recurrent bias; every other recurrent bias is merged into the input's."""
    if not isinstance(layer, QuantGru):
        return None
    candidate = layer.recurrent.bias[2 * layer.units :]
    return candidate if bool((candidate != 1).any()) else None
