"""Layers run by a family's fast kernels: each instantiates a template for its own sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from edgeseq.export.c import portable
from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.emit import array
from edgeseq.export.c.isa import Isa
from edgeseq.export.c.layer_plan import LayerPlan, Place, Source
from edgeseq.export.c.layout import Cell, Entry, cell_of
from edgeseq.export.c.sparse import Cost, best, note
from edgeseq.graph.layers import CellFunction
from edgeseq.quantize.types import (
    QuantDense,
    QuantFastGrnn,
    QuantGated,
    QuantGru,
    QuantLayer,
    QuantLstm,
    QuantMgu,
    QuantMinGru,
    QuantPair,
    QuantRecurrent,
    QuantSimpleRnn,
)

_HEADERS = ("fast/es_fast.h", "fast/es_fast_gates.h", "fast/es_fast_end.h", "es_sigmoid_table.c")


def plan_recurrent(layer: QuantGated | QuantSimpleRnn, place: Place, isa: Isa) -> LayerPlan | str:
    """Plan one recurrent layer, or say why it must be left to the portable kernels."""
    if unusual := _unusual(layer):
        return f"the {isa.name} kernels have tanh cells with sigmoid gates; this one has {unusual}"
    source, label = place.source, place.label
    cell = cell_of(layer, _entry(source, layer), source.zero_point)
    refusal = isa.refusal_cell(cell)
    if refusal is not None:
        return refusal
    cell, sparse = _stored(cell, isa)
    packed = isa.pack(cell)
    carry = [Buffer(f"{label}_h", "int16", layer.units, "hidden state, 2^-15")]
    if isinstance(layer, QuantLstm):
        carry.append(Buffer(f"{label}_c", "int16", layer.units, f"cell state, 2^{layer.cell_shift - 15}"))
    x_view = isa.view("x_view", cell.inputs, cell, cell.entry, "the input as the row loop reads it")
    state_views = [isa.view("h_view", cell.units, cell, cell.state_entry, "the old hidden state as the row loop reads it")]
    if cell.stem == "gru_before":
        state_views.append(isa.view("reset_view", cell.units, cell, cell.state_entry, "r * h as the row loop reads it"))
        state_views.append(Buffer("gates", "int16", 2 * cell.units, "update gate, r * h"))
    scratch, hidden = place.scratch, f"state->carry.{label}_h"
    work = [view for view in (x_view, *state_views) if view is not None]
    calls = []
    x = source.expression
    if x_view is not None:
        calls.append(f"{isa.view_function(cell, cell.entry)}({x}, {cell.inputs}, {scratch}.x_view);")
        x = f"{scratch}.x_view"
    arguments = [x, *(f"state->carry.{b.name}" for b in carry), *(f"{scratch}.{b.name}" for b in state_views if b)]
    calls.append(f"{place.name}_step({', '.join(arguments)});")
    if place.last:
        calls.append(f"memcpy(y, {hidden}, sizeof({hidden}));")
    return LayerPlan(
        label=label,
        data=array(f"{place.name}_rows", packed.rows) + _instance(layer, cell, isa, place.name),
        calls=tuple(calls),
        kernels=(*_kernels(isa, *isa.sources(cell)), *_HEADERS, f"fast/es_fast_{cell.stem}.h"),
        output=hidden,
        weight_bytes=packed.weight_bytes,
        table_bytes=packed.rows.nbytes - packed.weight_bytes,
        carry=tuple(carry),
        work=tuple(work),
        kernel_set=isa.name,
        sparse=sparse,
    )


def plan_compact(layer: QuantRecurrent, place: Place, isa: Isa) -> str:
    """Say that a compact cell must be left to the portable kernels."""
    return f"the {isa.name} kernels have GRU, LSTM and SimpleRNN; this is a {type(layer).__name__.removeprefix('Quant')}"


def _unusual(layer: QuantGated | QuantSimpleRnn) -> str | None:
    """What tells a cell from Keras' default one, or None."""
    functions: tuple[CellFunction, ...]
    usual: tuple[CellFunction, ...]
    if isinstance(layer, QuantSimpleRnn):
        functions, usual = (layer.activation,), ("tanh",)
    else:
        functions, usual = (layer.activation, layer.recurrent_activation), ("tanh", "sigmoid")
    if functions != usual:
        return " and ".join(functions)
    return f"a state in steps of 2^{layer.state_shift - 15}" if layer.state_shift else None


def plan_dense(layer: QuantDense, place: Place, isa: Isa) -> LayerPlan | str | None:
    """Plan a Dense layer that reads an int16 tensor, or say why it must be left to the portable kernels.

    None: int8 codes are read by the portable kernel alone, which is nothing to report.
    """
    if layer.input_dtype == "int8":
        return None
    refusal = isa.refusal_matrix(layer.matvec)
    if refusal is not None:
        return refusal
    packed = isa.pack_dense(layer.matvec)
    source, shift = place.source, layer.matvec.shift
    call = f"es_dense_rows({place.name}_rows, {source.expression}, {source.size}, {layer.units}, {shift}, {place.output});"
    return LayerPlan(
        label=place.label,
        data=array(f"{place.name}_rows", packed.rows),
        calls=(call, *portable.activation_calls(layer, place.output)),
        kernels=(*_kernels(isa, *isa.dense_sources()), *_HEADERS, *portable.activation_kernels(layer.activation)),
        output=place.output,
        weight_bytes=packed.weight_bytes,
        table_bytes=packed.rows.nbytes - packed.weight_bytes,
        tensors=place.output_buffer(layer.units, "result of the Dense layer"),
        kernel_set=isa.name,
    )


# Layers that have fast kernels: a plan, a reason why this one cannot use them, or None.
PLANNERS: dict[type[QuantLayer], Callable[[Any, Place, Isa], LayerPlan | str | None]] = {
    QuantGru: plan_recurrent,
    QuantLstm: plan_recurrent,
    QuantSimpleRnn: plan_recurrent,
    QuantMgu: plan_compact,
    QuantMinGru: plan_compact,
    QuantFastGrnn: plan_compact,
    QuantDense: plan_dense,
}


def _stored(cell: Cell, isa: Isa) -> tuple[Cell, tuple[str, ...]]:
    """The layer with those matrices sparse that gain by it, and a note on each of them."""
    if isa.sparse_block is None:
        return cell, ()
    block = isa.sparse_block
    cells = [cell, *(replace(cell, sparse=form) for form in isa.sparse_forms(cell))]
    chosen = cells[best([_cost(each, isa) for each in cells])]
    named = (("input", cell.input), ("recurrent", cell.state))
    return chosen, tuple(
        note(name, matrix.weight, cell.units, block)
        for (name, matrix), sparse in zip(named, chosen.sparse, strict=True)
        if sparse
    )


def _cost(cell: Cell, isa: Isa) -> Cost:
    return Cost(isa.pack(cell).rows.nbytes + isa.sparse_code * any(cell.sparse), isa.instructions(cell))


def _entry(source: Source, layer: QuantPair) -> Entry:
    if source.input_dtype is None:
        return "state" if layer.operand == "int8" else "state16"
    return "codes8" if source.input_dtype == "int8" else "codes16"


def _kernels(isa: Isa, *files: str) -> tuple[str, ...]:
    return tuple(f"fast/{isa.name}/{file}" for file in ("es_isa.h", *isa.headers, *files))


def _instance(layer: QuantPair, cell: Cell, isa: Isa, name: str) -> str:
    """The layer's step function: its template, made for its sizes."""
    input_shift, state_shift = isa.shifts(cell)
    constants = {
        "LAYER": name,
        "INPUTS": cell.inputs,
        "UNITS": cell.units,
        "WIDE": int(cell.wide),
        "VIEW_STATE": isa.view_function(cell, cell.state_entry),
        "WIDE_STATE": int(cell.wide_state),
        "WEIGHT_BITS": cell.weight_bits,
        "BOUNDED": int(cell.bounded),
        "SPARSE_INPUT": int(cell.sparse[0]),
        "SPARSE_STATE": int(cell.sparse[1]),
        "INPUT_SHIFT": input_shift,
        "STATE_SHIFT": state_shift,
        "PREACTIVATION_SHIFT": layer.preactivation_shift,
    }
    if isinstance(layer, QuantLstm):
        constants["CELL_SHIFT"] = layer.cell_shift
    defines = "".join(f"#define ES_{key} {value}\n" for key, value in constants.items())
    return f'{defines}#include "es_fast_{cell.stem}.h"\n'
