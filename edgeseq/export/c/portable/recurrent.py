"""Recurrent layers of two matrices, run by the portable kernels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.layer_plan import LayerPlan, Place
from edgeseq.export.c.layout import arrange, fold_zero_point
from edgeseq.export.c.portable.matrix import form_of, sparse_notes, store
from edgeseq.export.c.portable.step import hidden_buffer, make_step, x_operand
from edgeseq.quantize.types import QuantGru, QuantLstm, QuantMgu, QuantPair, QuantSimpleRnn

# kernel stem and parameter type of each cell
_CELLS: dict[type[QuantPair], tuple[str, str]] = {
    QuantGru: ("gru", "es_gru_params"),
    QuantLstm: ("lstm", "es_lstm_params"),
    QuantSimpleRnn: ("simple_rnn", "es_simple_rnn_params"),
    QuantMgu: ("mgu", "es_mgu_params"),
}


def plan_recurrent(layer: QuantPair, place: Place) -> LayerPlan:
    """Plan a recurrent layer."""
    stem, struct = _CELLS[type(layer)]
    source, name, units, operand = place.source, place.name, layer.units, layer.operand
    if isinstance(layer, QuantGru) and not layer.reset_after:
        stem = "gru_before"
    kernel = arrange(fold_zero_point(layer.input, source.zero_point), layer.gates)
    stored = (
        store(f"{name}_input", kernel, kernel.bias, form=form_of(kernel)),
        store(
            f"{name}_recurrent",
            arrange(layer.recurrent, layer.gates),
            _stored_recurrent_bias(layer),
            form=form_of(layer.recurrent),
        ),
    )
    numbers = [source.size, units, layer.preactivation_shift]
    if isinstance(layer, QuantLstm):
        numbers.append(layer.cell_shift)
    initializers = ", ".join(matrix.initializer for matrix in stored)
    data = "".join(matrix.data for matrix in stored)
    data += f"static const ES_FLASH {struct} {name} = {{{initializers}, {', '.join(map(str, numbers))}}};\n"
    step = make_step(stem, layer, source.input_dtype or operand, layer.input, layer.recurrent)
    hidden = f"state->carry.{place.label}_h"
    carry, scratch, arguments = _buffers(layer, place, stem)
    x, calls, work = x_operand(layer, place)
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
        work=(*work, *scratch),
        instances=(step.instance,),
        sparse=sparse_notes(input=layer.input, recurrent=layer.recurrent),
    )


def _buffers(layer: QuantPair, place: Place, stem: str) -> tuple[list[Buffer], list[Buffer], list[str]]:
    """Carried vectors, scratch vectors, and the arguments of the step behind x."""
    units, operand = layer.units, layer.operand
    carry = [hidden_buffer(layer, place)]
    if isinstance(layer, QuantLstm):
        carry.append(Buffer(f"{place.label}_c", "int16", units, f"cell state, 2^{layer.cell_shift - 15}"))
    scratch = [Buffer("h_view", operand, units, "the old hidden state as the products read it")]
    work = scratch
    if stem in ("gru_before", "mgu"):
        update = Buffer("update", "int16", units, "update gate" if stem == "gru_before" else "the gate")
        scratch = [*scratch, Buffer("reset_view", operand, units, "gated hidden state as the products read it"), update]
        work = [update, *scratch[:-1]]
    arguments = [f"state->carry.{buffer.name}" for buffer in carry] + [f"{place.scratch}.{buffer.name}" for buffer in scratch]
    return carry, list(work), arguments


def _stored_recurrent_bias(layer: QuantPair) -> npt.NDArray[np.int32] | None:
    """The GRU candidate's recurrent bias; every other recurrent bias is merged into the input's."""
    if not isinstance(layer, QuantGru):
        return None
    candidate = layer.recurrent.bias[2 * layer.units :]
    return candidate if bool((candidate != 1).any()) else None
