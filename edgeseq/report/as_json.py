"""The JSON that scripts may rely on. Schema: docs/json.md; a change here is a change of version."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from edgeseq.export.c import CProject
from edgeseq.frontend import Inspection
from edgeseq.graph import Graph
from edgeseq.measure.approximation import Approximation
from edgeseq.measure.measurement import Cycles, HostTime, Measurement
from edgeseq.measure.verify import Fidelity, Verification
from edgeseq.quantize import QuantGraph
from edgeseq.report import boards
from edgeseq.simulate.explain import Explanation

if TYPE_CHECKING:
    # The schema's accessors are 180 modules.
    from edgeseq.export.onnx import OnnxModel
    from edgeseq.export.operators import Port
    from edgeseq.export.tflite import TfliteModel
    from edgeseq.measure.latency import Latency, Times

SCHEMA = 1


def inspection(value: Inspection) -> dict[str, Any]:
    """JSON of `edgeseq inspect`."""
    return {
        "schema": SCHEMA,
        "model": value.name,
        "supported": value.supported,
        "layers": [
            {"name": row.name, "kind": row.kind, "supported": row.supported, "reason": row.reason} for row in value.layers
        ],
        "parameters": value.parameters,
    }


def quantized(graph: QuantGraph, out: str, project: CProject, explanation: Explanation | None) -> dict[str, Any]:
    """JSON of `edgeseq quantize`."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "model": graph.name,
        "scheme": graph.scheme,
        "out": out,
        "input": {"dtype": graph.input.dtype, "scale": graph.input.scale.value, "zero_point": graph.input.zero_point},
        "output": {"scale": graph.output_scale.value},
        "weight_bytes": project.weight_bytes,
        "table_bytes": project.table_bytes,
        "state_bytes": project.state_bytes,
        "window_steps": graph.window_steps,
    }
    if explanation is not None:
        document["explanation"] = {
            "tensors": [{**dataclasses.asdict(row), "sqnr_db": _finite(row.sqnr_db)} for row in explanation.tensors],
            "layers": [
                {**dataclasses.asdict(cost), "output_sqnr_db": _finite(cost.output_sqnr_db)} for cost in explanation.costs
            ],
            "costliest": explanation.costliest.layer,
        }
    return document


def measurement(value: Measurement) -> dict[str, Any]:
    """JSON of `edgeseq profile`."""
    return {
        "schema": SCHEMA,
        "model": value.model,
        "scheme": value.scheme,
        "target": value.target,
        "compiler": value.compiler,
        "optimize": value.optimize,
        "kernels": value.kernel_set,
        "instructions_per_step": value.instructions_per_step,
        "macs_per_step": value.macs_per_step,
        "cycles_per_step": _cycles(value.cycles_per_step),
        "time_per_step": _time(value.time_per_step),
        # Of a model that maps whole windows: then the figures per step are these divided by its steps.
        "window": None
        if value.window is None
        else {"steps": value.window.steps, "instructions": value.window.instructions, "cycles": value.window.cycles},
        **boards.figures(value),
        "flash_bytes": {
            "model": value.flash_model_bytes,
            "code": value.flash_code_bytes,
            "image": value.flash_image_bytes,
        },
        "ram_bytes": {
            "state": value.ram_state_bytes,
            "scratch": value.ram_scratch_bytes,
            "stack": value.ram_stack_bytes,
            "image": value.ram_image_bytes,
        },
    }


def latency(value: Latency) -> dict[str, Any]:
    """JSON of `edgeseq profile --runtime`."""
    return {
        "schema": SCHEMA,
        "model": value.model,
        "scheme": value.scheme,
        "form": value.form,
        "precision": value.precision,
        "batch": 1,
        "device": value.device,
        "runtimes": [
            {
                "name": row.runtime,
                "version": row.version,
                "file_bytes": row.file_bytes,
                "threads": row.threads,
                "steps": row.steps,
                "states": row.states,
                "import_ms": _times(row.import_ms),
                "load_ms": round(row.load_ms, 3),
                "call_ns": _times(row.call_ns),
                "invoke_ns": _times(row.invoke_ns),
                "step_ns": round(row.call_ns.median / row.steps, 3),
                "ratio": round(row.call_ns.over(value.rows[0].call_ns), 3),
            }
            for row in value.rows
        ],
    }


def _times(value: Times | None) -> dict[str, Any] | None:
    if value is None:
        return None
    figures = {"median": value.median, "p95": value.p95, "smallest": min(value.values), "largest": max(value.values)}
    return {name: round(figure, 3) for name, figure in figures.items()} | {"runs": len(value.values)}


def verification(value: Verification) -> dict[str, Any]:
    """JSON of `edgeseq verify`. An infinite SQNR is null."""
    return {
        "schema": SCHEMA,
        "model": value.model,
        "scheme": value.scheme,
        "steps": value.steps,
        "against": [{"name": row.name, "mismatches": row.mismatches, "max_abs_lsb": row.max_abs_lsb} for row in value.against],
        "fidelity": fidelity(value.fidelity),
        "approximate": [approximation(row) for row in value.approximate],
        "inexact": [{"name": row.name, "fidelity": fidelity(row.fidelity)} for row in value.inexact],
    }


def fidelity(value: Fidelity) -> dict[str, Any]:
    """How near something is to the float model. An infinite SQNR is null."""
    return {
        "state_sqnr_db": _finite(value.state_sqnr_db),
        "output_sqnr_db": _finite(value.output_sqnr_db),
        "agreement": value.agreement,
    }


def _cycles(value: Cycles | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {"value": value.value, "tier": value.tier, "error_pct": value.error_pct}


def approximation(value: Approximation) -> dict[str, Any]:
    """How far a form is off that cannot be exact; an infinite SQNR is null."""
    return {
        "name": value.name,
        "against": value.against,
        "steps": value.steps,
        "state_sqnr_db": _finite(value.state_sqnr_db),
        "output_max_abs": value.output_max_abs,
        "output_max_lsb": _finite(value.output_max_lsb),
    }


def _time(value: HostTime | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {
        "ns": value.ns,
        "smallest_ns": value.smallest_ns,
        "largest_ns": value.largest_ns,
        "device": value.device,
        "runs": value.runs,
    }


def _finite(value: float | None) -> float | None:
    return round(value, 3) if value is not None and math.isfinite(value) else None


def exported_tflite(graph: Graph, model: TfliteModel | OnnxModel, out: str, file_format: str = "tflite") -> dict[str, Any]:
    """JSON of `edgeseq export --format tflite` and of `--format onnx`; sizes that are open are -1."""
    return {
        "schema": SCHEMA,
        "model": graph.name,
        "format": file_format,
        "name": graph.name,
        "out": out,
        "form": model.form,
        "steps": model.steps,
        "bytes": len(model.data),
        "inputs": [_port(port) for port in model.inputs],
        "outputs": [_port(port) for port in model.outputs],
        "states": list(model.states),
        "operators": dict(model.operators),
        "window_steps": None if graph.window_reason is None else model.steps,
    }


def error_of_fused(checked: Verification | None) -> dict[str, Any]:
    """What `edgeseq export --form fused` adds: its error on the calibration data, and that of the other forms."""
    if checked is None:
        return {"exact": False, "fidelity": None, "fidelity_of_other_forms": None}
    (fused,) = checked.inexact
    return {
        "exact": False,
        "fidelity": fidelity(fused.fidelity),
        "fidelity_of_other_forms": fidelity(checked.fidelity),
    }


def _port(port: Port) -> dict[str, Any]:
    tensor = port.tensor
    scale = None if tensor.scale is None else tensor.scale.value
    return {
        "name": port.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "scale": scale,
        "zero_point": tensor.zero_point,
    }
