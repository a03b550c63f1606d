"""Steps of recurrent layers as instances of templates: es_*_step.h, made for a combination of types and functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeseq.export.c.buffers import Buffer
from edgeseq.export.c.layer_plan import Place
from edgeseq.export.c.portable.matrix import dot_kernel, form_of, row_format, row_function, suffix
from edgeseq.graph.layers import UNBOUNDED, CellFunction
from edgeseq.quantize.types import Matvec, Operand, QuantGated, QuantGru, QuantLstm, QuantRecurrent, QuantSimpleRnn

# What ES_H, ES_VIEW and ES_VIEWS of es_step.h are.
VIEWS: dict[Operand, tuple[str, str, str]] = {
    "int8": ("int8_t", "es_narrow", "es_narrow_s8"),
    "int16": ("int16_t", "es_halve", "es_halve_s16"),
}
_HEADERS = ("es_step.h", "es_functions.h", "es_matrix_row.h")


@dataclass(frozen=True, slots=True)
class Step:
    """A function made of a template, and the kernel files it needs."""

    function: str
    instance: str
    kernels: tuple[str, ...]


def make_step(stem: str, layer: QuantRecurrent, x: Operand, input_: Matvec, state: Matvec | None) -> Step:
    """The step for x and the state of these types; state: the matrix that reads it, if there is one."""
    macros, label = _functions(layer)
    operand = f"_{suffix(layer.operand)}" if state is not None else ""
    formats = dict.fromkeys(row_format(matrix) for matrix in (input_, state) if matrix is not None)
    function = f"es_{stem}_step_{suffix(x)}{operand}_{'_'.join(formats)}{label}"
    defines = {"STEP": function, "X": f"{x}_t"}
    dots = [dot_kernel(x, input_, form=form_of(input_))]
    if state is not None:
        defines |= dict(zip(("H", "VIEW", "VIEWS"), VIEWS[layer.operand], strict=True))
        dots += [dot_kernel(layer.operand, state, form=form_of(state)), f"{VIEWS[layer.operand][2]}.c"]
    defines["INPUT_ROW"] = row_function(x, input_)
    if state is not None:
        defines["STATE_ROW"] = row_function(layer.operand, state)
    header = f"es_{stem}_step.h"
    kernels = (*_HEADERS, header, *dots, *curve_kernels(layer))
    return Step(function, instance(header, defines | macros), kernels)


def instance(header: str, defines: Mapping[str, str]) -> str:
    """The text that makes a template's function."""
    text = "".join(f"#define ES_{key} {value}\n" for key, value in defines.items())
    return text + f'#include "{header}"\n' + "".join(f"#undef ES_{key}\n" for key in defines)


def curve_kernels(layer: QuantRecurrent) -> tuple[str, ...]:
    """Kernel files of the table, where a cell uses it. A FastGRNN's gate and candidate read one sum."""
    used = {"sigmoid", *layer.functions} if not isinstance(layer, QuantGated | QuantSimpleRnn) else set(layer.functions)
    curves = [f"es_{name}_q15.c" for name in ("sigmoid", "tanh") if name in used]
    return ("es_sigmoid_table.c", *curves) if curves else ()


def hidden_buffer(layer: QuantRecurrent, place: Place) -> Buffer:
    """The hidden state."""
    return Buffer(f"{place.label}_h", "int16", layer.units, f"hidden state, 2^{layer.state_shift - 15}")


def x_operand(layer: QuantRecurrent, place: Place) -> tuple[str, list[str], list[Buffer]]:
    """Return x as the products read it, the calls that make it so, and the scratch that they need."""
    source, operand = place.source, layer.operand
    if source.input_dtype is not None:
        return source.expression, [], []
    x = f"{place.scratch}.x_view"
    call = f"{VIEWS[operand][2]}({source.expression}, {source.size}, {x});"
    return x, [call], [Buffer("x_view", operand, source.size, "the layer's input as the products read it")]


def _functions(layer: QuantRecurrent) -> tuple[dict[str, str], str]:
    """What es_step.h asks for of a cell's functions, and what the step's name must tell of them."""
    if isinstance(layer, QuantSimpleRnn):
        defines = {"CANDIDATE": _apply(layer.activation), **_to_state(layer, layer.activation)}
        usual = layer.activation == "tanh" and layer.state_shift == 0
        return defines, "" if usual else f"_{layer.activation}_{defines['CANDIDATE_SHIFT']}"
    if not isinstance(layer, QuantGated):
        return {}, ""
    defines = {
        "GATE": _apply(layer.recurrent_activation),
        "CANDIDATE": _apply(layer.activation),
        "PRODUCT_SHIFT": str(15 - layer.gate_shift),
    }
    if isinstance(layer, QuantGru):
        defines |= _to_state(layer, layer.activation)
    elif isinstance(layer, QuantLstm):
        defines |= {
            "CELL": "es_cell_tanh_q15" if layer.activation == "tanh" else f"es_cell_{layer.activation}",
            # Standard steps serve layers of any cell shift.
            "ADDED_SHIFT": "15 + params->cell_shift" if _is_standard(layer) else str(layer.added_shift),
            "HIDDEN_SHIFT": str(layer.hidden_shift),
        }
    if _is_standard(layer):
        return defines, ""
    shifts = (value for key, value in defines.items() if key.endswith("SHIFT"))
    return defines, f"_{layer.activation}_{layer.recurrent_activation}_{'_'.join(shifts)}"


def _to_state(layer: QuantRecurrent, function: CellFunction) -> dict[str, str]:
    if function in UNBOUNDED:
        return {"TO_STATE": "es_raise", "CANDIDATE_SHIFT": str(layer.candidate_shift - layer.state_shift)}
    return {"TO_STATE": "es_to_state", "CANDIDATE_SHIFT": str(layer.state_shift)}


def _is_standard(layer: QuantGated) -> bool:
    usual = (layer.activation, layer.recurrent_activation) == ("tanh", "sigmoid")
    return usual and layer.gate_shift == 0 and layer.state_shift == 0


def _apply(function: CellFunction) -> str:
    # The slopes of both hard_sigmoids are in the rows' multipliers.
    return f"es_apply_{function.removesuffix('_keras2')}"
