"""QuantGraph -> CProject: the files of a C99 project, as values; writing them is the last step."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeseq._version import __version__
from edgeseq.errors import TargetError
from edgeseq.export.c.buffers import Buffer, struct_extent, union_extent
from edgeseq.export.c.emit import float_array, float_literal, identifier
from edgeseq.export.c.isa import FAMILIES
from edgeseq.export.c.layer_plan import LayerPlan
from edgeseq.export.c.plan import plan_layers
from edgeseq.export.c.window import WindowPlan, plan_window
from edgeseq.files import staged_folder
from edgeseq.quantize.esq import to_bytes
from edgeseq.quantize.types import ROUNDING_MODE, QuantGraph
from edgeseq.resources import templates_root

KERNEL_HEADERS = ("es_types.h", "es_arith.h", "es_kernels.h")
PORTABLE = "portable"
# Bytes of the tables that all layers share, by their files.
SHARED_TABLES = {"es_sigmoid_table.c": 512, "es_power_table.c": 258}
KERNEL_SETS: tuple[str, ...] = (PORTABLE, *FAMILIES)


@dataclass(frozen=True, slots=True)
class CProject:
    """A C99 project. files: path inside the project -> text.

    name: prefix of every public symbol. Bytes: weights are int8 matrices, tables are
    biases, multipliers and the sigmoid table; state and scratch as the structs hold them,
    padding between them counted as scratch. fallbacks: layer -> why the wanted kernels could not run it;
    sparse: layer -> which of its matrices are stored without their zero blocks.
    window_steps: time steps of the windows that the model maps, None if it runs on a stream; output_steps: rows
    of output that one window gives, 1 for a stream's step.
    """

    name: str
    files: Mapping[str, str]
    sources: tuple[str, ...]
    weight_bytes: int
    table_bytes: int
    state_bytes: int
    scratch_bytes: int
    input_dtype: Literal["int8", "int16"]
    input_size: int
    output_size: int
    digest: str
    kernel_set: str
    fallbacks: Mapping[str, str]
    sparse: Mapping[str, str]
    window_steps: int | None = None
    output_steps: int = 1


def export_c(
    graph: QuantGraph,
    *,
    kernel_set: str = PORTABLE,
    name: str | None = None,
    source: str = "a live model",
    command: str = "edgeseq.export",
) -> CProject:
    """Print the project.

    kernel_set: one of KERNEL_SETS, usually a core's `kernel_set`; every set gives the same integers
    on every machine, and is fast on its own family. name: C prefix, default from the model's name;
    source and command: provenance.
    """
    if kernel_set not in KERNEL_SETS:
        raise TargetError(f"unknown kernel set {kernel_set!r}; known: {', '.join(KERNEL_SETS)}")
    prefix = identifier(name or graph.name)
    window = plan_window(graph, prefix, kernel_set) if graph.window_steps is not None else None
    plans = plan_layers(graph, prefix, kernel_set) if window is None else window.layers
    kernels = sorted({file for plan in plans for file in plan.kernels} | (window.kernels if window else frozenset()))
    weight_bytes = sum(plan.weight_bytes for plan in plans)
    table_bytes = sum(plan.table_bytes for plan in plans) + sum(size for file, size in SHARED_TABLES.items() if file in kernels)
    carried = [buffer for plan in plans for buffer in plan.carry]
    state_bytes = struct_extent(carried).size
    tensors = _tensors(plans, window)
    users = [plan for plan in plans if plan.work]
    scratch = struct_extent([*tensors, union_extent([struct_extent(plan.work) for plan in users])])
    # C has no empty struct: a model that keeps nothing between steps has a byte that nobody reads.
    members = carried or ([] if window and scratch.size else [Buffer("nothing", "uint8", 1, "C has no empty struct")])
    scratch_bytes = struct_extent([struct_extent(members), scratch]).size - state_bytes
    fallbacks = {plan.label: plan.refusal for plan in plans if plan.refusal is not None}
    sparse = {plan.label: "; ".join(plan.sparse) for plan in plans if plan.sparse}
    digest = hashlib.sha256(to_bytes(graph)).hexdigest()
    values = {
        "file": prefix,
        "name": prefix,
        "guard": prefix.upper(),
        "title": _title(graph, window),
        "version": __version__,
        "source": _comment(source),
        "command": _comment(command),
        "digest": digest,
        "scheme": graph.scheme,
        "rounding": ROUNDING_MODE,
        "flash": f"Flash: weights {weight_bytes} B, tables {table_bytes} B (exact); code depends on the compiler.",
        "ram": f"RAM: state {state_bytes} B, scratch {scratch_bytes} B (exact); stack depends on the compiler.",
        "input_type": f"{graph.input.dtype}_t",
        "input_min": f"({graph.input.code_range[0]})",
        "input_max": str(graph.input.code_range[1]),
        "input_size": str(graph.input_size),
        "output_size": str(graph.output_size),
        "state_bytes": str(state_bytes),
        "scratch_bytes": str(scratch_bytes),
        "softmax_note": f"; these are logits, the softmax is left to {prefix}_float.c" if graph.softmax else "",
        "input_scale": float_literal(graph.input.scale.value),
        "zero_point": str(graph.input.zero_point),
        "output_scale": float_literal(graph.output_scale.value),
        "returns_sequence": str(int(graph.source.returns_sequence)),
        "carry": "\n".join(f"    {buffer.declaration}" for buffer in members),
        **_scratch_values(prefix, "window" if window else "step", _scratch_members(plans, tensors)),
        "kernels": kernel_set
        + "".join(f"; {label} portable: {reason}" for label, reason in fallbacks.items())
        + "".join(f"; {label} sparse: {what}" for label, what in sparse.items()),
        "includes": "".join(f'#include "{header}"\n' for header in _headers(plans, kernels)),
        "data": "\n".join(
            [*dict.fromkeys(text for plan in plans for text in plan.instances), *(p.data for p in plans if p.data)]
        ),
        "calls": "\n".join(f"    {call}" for plan in plans for call in plan.calls),
    }
    templates = templates_root()
    form = "stream" if window is None else "window"
    values["ownership"] = f"The caller owns {prefix}_state and keeps it between calls; one per stream."
    if window is not None:
        values |= _window_values(graph, prefix, window, members)
    values["interface"] = _fill(templates / "model" / f"{form}.h.in", values)
    values["functions"] = _fill(templates / "model" / f"{form}.c.in", values)
    files = {
        f"{prefix}.h": _fill(templates / "model" / "model.h.in", values),
        f"{prefix}.c": _fill(templates / "model" / "model.c.in", values),
    }
    values |= _float_values(graph, prefix)
    for suffix in ("h", "c"):
        files[f"{prefix}_float.{suffix}"] = _fill(templates / "model" / f"model_float.{suffix}.in", values)
    for kernel in (*KERNEL_HEADERS, *kernels):
        # One family per project, so file names stay unique without the folders.
        files[f"kernels/{Path(kernel).name}"] = (templates / "kernels" / kernel).read_text(encoding="utf-8")
    return CProject(
        name=prefix,
        files=files,
        sources=(f"{prefix}.c", *(f"kernels/{Path(kernel).name}" for kernel in kernels if kernel.endswith(".c"))),
        weight_bytes=weight_bytes,
        table_bytes=table_bytes,
        state_bytes=state_bytes,
        scratch_bytes=scratch_bytes,
        input_dtype=graph.input.dtype,
        input_size=graph.input_size,
        output_size=graph.output_size,
        digest=digest,
        kernel_set=kernel_set,
        fallbacks=fallbacks,
        sparse=sparse,
        window_steps=graph.window_steps,
        output_steps=1 if window is None else window.output_steps,
    )


def write_project(project: CProject, folder: Path, *, force: bool = False) -> None:
    """Write all files; the folder appears whole or not at all."""
    with staged_folder(folder, replace=force) as stage:
        for name, text in project.files.items():
            path = stage / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")


def _comment(text: str) -> str:
    """Make foreign text safe inside a C comment."""
    return text.replace("*/", "* /").replace("\n", " ").replace("\r", " ").replace("\\", "/")


def _title(graph: QuantGraph, window: WindowPlan | None) -> str:
    what = "one time step" if window is None else f"one window of {graph.window_steps} time steps"
    return f"{what} of {graph.name!r}: {graph.input_size} in, {graph.output_size} out".replace("*/", "* /")


def _headers(plans: tuple[LayerPlan, ...], kernels: Sequence[str]) -> list[str]:
    """Headers that the model's own file needs besides es_kernels.h."""
    fast = ["es_fast.h"] if any(plan.kernel_set != PORTABLE for plan in plans) else []
    return fast + [header for header in ("es_window.h",) if header in kernels]


def _tensors(plans: tuple[LayerPlan, ...], window: WindowPlan | None) -> list[Buffer]:
    """Scratch that several layers read."""
    kept = [] if window is None or window.kept == 0 else [Buffer("kept", "int16", window.kept, "results between loops")]
    return kept + [buffer for plan in plans for buffer in plan.tensors]


def _window_values(graph: QuantGraph, prefix: str, window: WindowPlan, members: Sequence[Buffer]) -> dict[str, str]:
    """Fields of window.h.in and window.c.in. members: of the carry struct."""
    carry = "\n".join(f"    {buffer.declaration}" for buffer in members)
    about = "/* The recurrent layers' states while a window runs; each starts from zero. */"
    return {
        "ownership": f"The caller owns {prefix}_state; one per thread, for any number of windows.",
        "reason": _comment(graph.window_reason or ""),
        "window_steps": str(graph.window_steps),
        "output_steps": str(window.output_steps),
        "carry_struct": f"{about}\ntypedef struct {{\n{carry}\n}} {prefix}_carry;\n\n" if carry else "",
        "carry_member": f"    {prefix}_carry carry;\n" if carry else "",
        "loops": window.functions,
        "start": "    memset(&state->carry, 0, sizeof(state->carry));\n" if carry else "",
        "body": window.body,
    }


def _scratch_values(prefix: str, during: str, members: Sequence[str]) -> dict[str, str]:
    """The scratch struct and the state's member of that type; none of a model that needs no scratch: C has no empty struct."""
    if not members:
        return {"scratch_struct": "", "scratch_member": ""}
    about = f"/* Used during a {during}; its content means nothing between {during}s. */"
    body = "\n".join(f"    {line}" for line in members)
    return {
        "scratch_struct": f"{about}\ntypedef struct {{\n{body}\n}} {prefix}_scratch;\n\n",
        "scratch_member": f"    {prefix}_scratch scratch;\n",
    }


def _scratch_members(plans: tuple[LayerPlan, ...], tensors: Sequence[Buffer]) -> list[str]:
    """Members of the scratch struct: tensors between layers, then a union of what single layers need."""
    lines = [buffer.declaration for buffer in tensors]
    structs: list[str] = []
    for plan in plans:
        if plan.work:
            members = [f"        {buffer.declaration}" for buffer in plan.work]
            structs += ["    struct {", *members, f"    }} {plan.label};"]
    if structs:
        lines += ["union {", *structs, "} work; /* layers run one after another and share this */"]
    return lines


def _fill(template: Path, values: Mapping[str, str]) -> str:
    """Replace @key@ fields in one pass, so that a value may itself hold an '@'."""
    return re.sub(r"@(\w+)@", lambda match: values[match.group(1)], template.read_text(encoding="utf-8"))


def _float_values(graph: QuantGraph, prefix: str) -> dict[str, str]:
    gain, offset = graph.input.affine()
    guard = prefix.upper()
    loop = f"    for (int i = 0; i < {guard}_OUTPUT_SIZE; ++i) {{\n"
    if graph.softmax:
        body = (
            "    float largest = (float)y[0];\n    float sum = 0.0f;\n"
            f"{loop}        largest = (float)y[i] > largest ? (float)y[i] : largest;\n    }}\n"
            f"{loop}        real[i] = expf(((float)y[i] - largest) * {guard}_OUTPUT_SCALE);\n"
            "        sum += real[i];\n    }\n"
            f"{loop}        real[i] /= sum;\n    }}\n"
        )
    else:
        body = f"{loop}        real[i] = (float)y[i] * {guard}_OUTPUT_SCALE;\n    }}\n"
    return {
        "data": float_array(f"{prefix}_gain", gain) + float_array(f"{prefix}_offset", offset),
        "dequantize": body,
        "math_include": "#include <math.h>\n\n" if graph.softmax else "",
        "probability_note": ", probabilities: the model's softmax is applied here" if graph.softmax else "",
    }
