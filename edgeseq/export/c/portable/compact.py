"""minGRU and FastGRNN, run by the portable kernels."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.emit import array
from edgeseq.export.c.layer_plan import LayerPlan, Place
from edgeseq.export.c.layout import arrange, fold_zero_point
from edgeseq.export.c.portable.matrix import (
    StoredMatrix,
    dot_kernel,
    form_of,
    row_format,
    row_function,
    sparse_notes,
    store,
    suffix,
)
from edgeseq.export.c.portable.step import VIEWS, hidden_buffer, instance, make_step, x_operand
from edgeseq.quantize.types import Factor, Matvec, Operand, QuantFastGrnn, QuantMinGru


def plan_min_gru(layer: QuantMinGru, place: Place) -> LayerPlan:
    """Plan a minGRU: one matrix, no view of the state."""
    source, name = place.source, place.name
    matrix = arrange(fold_zero_point(layer.input, source.zero_point), layer.gates)
    stored = store(f"{name}_input", matrix, matrix.bias, form=form_of(matrix))
    numbers = f"{source.size}, {layer.units}, {layer.preactivation_shift}, {layer.candidate_shift - layer.state_shift}"
    step = make_step("min_gru", layer, source.input_dtype or layer.operand, layer.input, None)
    hidden = f"state->carry.{place.label}_h"
    x, calls, work = x_operand(layer, place)
    calls.append(f"{step.function}(&{name}, {x}, {hidden});")
    views = (f"{VIEWS[layer.operand][2]}.c",) if work else ()
    if place.last:
        calls.append(f"memcpy(y, {hidden}, sizeof({hidden}));")
    return LayerPlan(
        label=place.label,
        data=stored.data + f"static const ES_FLASH es_min_gru_params {name} = {{{stored.initializer}, {numbers}}};\n",
        calls=tuple(calls),
        kernels=(*step.kernels, *views),
        output=hidden,
        weight_bytes=stored.weight_bytes,
        table_bytes=stored.table_bytes,
        carry=(hidden_buffer(layer, place),),
        work=tuple(work),
        instances=(step.instance,),
        sparse=sparse_notes(input=layer.input),
    )


@dataclass(frozen=True, slots=True)
class _Product:
    """A matrix, or two factors of it. expression, columns: what the last one reads; calls: that make it so."""

    stored: tuple[StoredMatrix, ...]
    expression: str
    columns: int
    calls: tuple[str, ...]
    data: str = ""
    work: tuple[Buffer, ...] = ()
    kernels: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()


def plan_fast_grnn(layer: QuantFastGrnn, place: Place) -> LayerPlan:
    """Plan a FastGRNN: first factors are products of their own in front of the step."""
    source, name, units, operand = place.source, place.name, layer.units, layer.operand
    hidden, h_view = f"state->carry.{place.label}_h", f"{place.scratch}.h_view"
    x_type = source.input_dtype or operand
    x, calls, work = x_operand(layer, place)
    of_x = _product(layer, place, "input", layer.input_factor, layer.input, x, x_type)
    of_h = _product(layer, place, "recurrent", layer.recurrent_factor, layer.recurrent, h_view, operand)
    calls += [*of_x.calls, f"{VIEWS[operand][2]}({hidden}, {units}, {h_view});", *of_h.calls]
    # Behind a factor the step reads the view of an int16 tensor, whatever the model's input is.
    step = make_step("fast_grnn", layer, operand if layer.input_factor else x_type, layer.input, layer.recurrent)
    calls.append(f"{step.function}(&{name}, {of_x.expression}, {hidden}, {of_h.expression});")
    if place.last:
        calls.append(f"memcpy(y, {hidden}, sizeof({hidden}));")
    stored = (*of_x.stored, *of_h.stored)
    sizes = f"{of_x.columns}, {of_h.columns}, {units}"
    numbers = f"{layer.zeta}, {layer.nu}, {layer.preactivation_shift}, {layer.state_shift}"
    last = f"{of_x.stored[-1].initializer}, {of_h.stored[-1].initializer}"
    data = "".join(matrix.data for matrix in stored) + of_x.data + of_h.data
    data += array(f"{name}_candidate_bias", layer.candidate_bias)
    data += f"static const ES_FLASH es_fast_grnn_params {name} = {{{last}, {name}_candidate_bias, {sizes}, {numbers}}};\n"
    view = Buffer("h_view", operand, units, "the old hidden state as the products read it")
    return LayerPlan(
        label=place.label,
        data=data,
        calls=tuple(calls),
        kernels=(*step.kernels, *of_x.kernels, *of_h.kernels),
        output=hidden,
        weight_bytes=sum(matrix.weight_bytes for matrix in stored),
        table_bytes=sum(matrix.table_bytes for matrix in stored) + layer.candidate_bias.nbytes,
        carry=(hidden_buffer(layer, place),),
        work=(*work, *of_x.work, view, *of_h.work),
        instances=(*dict.fromkeys((*of_x.instances, *of_h.instances)), step.instance),
        sparse=sparse_notes(input=layer.input, recurrent=layer.recurrent),
    )


def _product(
    layer: QuantFastGrnn, place: Place, which: str, factor: Factor | None, matrix: Matvec, expression: str, reads: Operand
) -> _Product:
    """One of both matrices; which: its name; expression, reads: what it reads, and of which type."""
    name = f"{place.name}_{which}"
    zero_point = place.source.zero_point if which == "input" else 0
    bias = None if which == "recurrent" else matrix.bias
    if factor is None:
        matrix = fold_zero_point(matrix, zero_point)
        stored = store(name, matrix, None if bias is None else matrix.bias, form=form_of(matrix))
        return _Product((stored,), expression, matrix.columns, ())
    first = fold_zero_point(factor.matvec, zero_point)
    stored_first, rank = store(f"{name}_factor", first, first.bias, form=form_of(first)), first.rows
    function = f"es_project_{suffix(reads)}_{row_format(first)}"
    result, view = f"{place.scratch}.{which}_rank", f"{place.scratch}.{which}_rank_view"
    views = VIEWS[layer.operand][2]
    defines = {"PROJECT": function, "X": f"{reads}_t", "INPUT_ROW": row_function(reads, first)}
    return _Product(
        (stored_first, store(name, matrix, bias, form=form_of(matrix))),
        view,
        rank,
        (
            f"{function}(&{name}_first, {expression}, {first.columns}, {result}, {rank}, {factor.shift});",
            f"{views}({result}, {rank}, {view});",
        ),
        f"static const ES_FLASH es_matrix {name}_first = {stored_first.initializer};\n",
        (
            Buffer(f"{which}_rank", "int16", rank, "result of the first factor"),
            Buffer(f"{which}_rank_view", layer.operand, rank, "the same as the second factor reads it"),
        ),
        ("es_project.h", dot_kernel(reads, first, form=form_of(first)), f"{views}.c"),
        (instance("es_project.h", defines),),
    )
