"""All rules on .onnx files: each takes the model and yields findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgeseq.doctor.finding import Finding, counted, listed
from edgeseq.doctor.onnx.model import NodeInfo, OnnxModel
from edgeseq.doctor.onnx.runtimes import EDGESEQ, NEWEST_OPSET, ONNXRUNTIME
from edgeseq.errors import EdgeseqError
from edgeseq.frontend import inspect_model

BOTH = (ONNXRUNTIME, EDGESEQ)
_CELLS = ("GRU", "LSTM", "RNN")
_LOOPS = ("Loop", "Scan")
_OWN = ("", "ai.onnx")
# Domains whose operators onnxruntime brings itself.
_CONTRIB = ("com.microsoft", "ai.onnx.ml", "com.microsoft.nchwc", "ai.onnx.preview.training")
_DYNAMIC = ("DynamicQuantizeLSTM", "DynamicQuantizeLinear", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "MatMulInteger")
# Where a cell's lengths and initial states stand among its inputs.
_LENGTHS, _STATES = 4, {"GRU": (5,), "RNN": (5,), "LSTM": (5, 6)}


def _cells(model: OnnxModel) -> list[NodeInfo]:
    return [node for node in model.nodes if node.op in _CELLS and node.domain in _OWN]


def _names(nodes: list[NodeInfo]) -> str:
    return listed([node.name for node in nodes])


def importable(model: OnnxModel) -> Iterator[Finding]:
    """What edgeseq's own reader refuses, in its words."""
    again = "Change the model as the reason says and export it again; docs/onnx.md lists what is read"
    try:
        inspection = inspect_model(model.path)
    except EdgeseqError as error:
        reason = str(error).removeprefix(f"{model.path}: ")
        yield Finding("not_imported", "blocks", (EDGESEQ,), "the whole file", "edgeseq cannot read it", f"{reason}.", f"{again}.")
        return
    for layer in inspection.layers:
        if not layer.supported:
            where, what = f"{layer.name!r} ({layer.kind})", "edgeseq cannot make integers of it"
            yield Finding("not_imported", "blocks", (EDGESEQ,), where, what, f"{layer.reason}.", f"{again}.")


def foreign_domain(model: OnnxModel) -> Iterator[Finding]:
    """Operators that are no part of ONNX."""
    functions = {node.domain for node in model.nodes if node.domain.startswith("pkg.")}
    for domain in sorted({node.domain for node in model.nodes} - set(_OWN) - functions):
        nodes = [node for node in model.nodes if node.domain == domain]
        known = domain in _CONTRIB
        yield Finding(
            "contrib_operator" if known else "custom_operator",
            "costs" if known else "blocks",
            (ONNXRUNTIME,),
            listed([node.op for node in nodes]),
            f"{counted(len(nodes), 'node')} of the domain {domain!r}",
            "onnxruntime has them, other runtimes and its minimal builds have not."
            if known
            else "No runtime has them without the library that registers them.",
            "Export the float model before an optimiser or quantiser rewrites it."
            if known
            else "Export with operators of ONNX alone, or register the library in every session.",
        )


def opset(model: OnnxModel) -> Iterator[Finding]:
    """Operators newer than the runtime."""
    if model.opset > NEWEST_OPSET:
        yield Finding(
            "opset",
            "blocks",
            (ONNXRUNTIME,),
            "the whole file",
            f"opset {model.opset}, newer than {NEWEST_OPSET}",
            "onnxruntime makes no session of an opset that it does not know; older releases know fewer.",
            "Export again with opset_version=17, or convert it with onnx.version_converter.",
        )


def loops(model: OnnxModel) -> Iterator[Finding]:
    """A recurrent layer spelled out as a loop."""
    nodes = [node for node in model.nodes if node.op in _LOOPS]
    if nodes:
        bodies = sum(node.depth > 0 for node in model.nodes)
        yield Finding(
            "loop",
            "costs",
            (ONNXRUNTIME,),
            _names(nodes),
            f"{counted(len(nodes), 'loop')} with {counted(bodies, 'node')} inside, instead of GRU, LSTM or RNN nodes",
            "Each step dispatches every node of the body, and the state lies inside the loop: a stream cannot carry it from "
            "call to call. Quantisers leave bodies in floats.",
            "Export torch.nn.GRU, LSTM or RNN with torch.onnx.export(dynamo=False); of Keras hand the .keras to edgeseq.",
        )


def lost_state(model: OnnxModel) -> Iterator[Finding]:
    """Recurrent nodes whose state the caller cannot pass on."""
    makers = {name: node for node in model.nodes for name in node.outputs}
    inputs = {port.name for port in model.inputs}
    fixed = [node for node in _cells(model) if not any(_reaches(inputs, makers, _input(node, at)) for at in _STATES[node.op])]
    if fixed:
        yield Finding(
            "no_initial_state",
            "costs",
            (ONNXRUNTIME,),
            _names(fixed),
            f"{counted(len(fixed), 'recurrent node')} with an initial state that is no input of the model",
            "Each call starts from zero. Fed one step at a time, such a model has no memory; it reports no error.",
            "Pass whole windows; or export with the states as inputs and outputs, as 'edgeseq export --format onnx' does.",
        )
    outputs = {port.name for port in model.outputs}
    given = [node for node in _cells(model) if node not in fixed]
    if given and inputs and len(inputs) > 1 and len(outputs) < 2:
        yield Finding(
            "no_final_state",
            "wrong",
            (ONNXRUNTIME,),
            _names(given),
            "initial states are inputs, but the model returns no final state",
            "A stream has nothing to pass to its next call.",
            "Return the states too: return y, h.",
        )


def _reaches(inputs: set[str], makers: dict[str, NodeInfo], name: str) -> bool:
    """Whether a value is made of one of the inputs; its shape alone does not count."""
    waiting, seen = [name], {name}
    while waiting:
        key = waiting.pop()
        if key in inputs:
            return True
        node = makers.get(key)
        if node is None or node.op == "Shape":
            continue
        fresh = [source for source in node.inputs if source and source not in seen]
        seen.update(fresh)
        waiting += fresh
    return False


def options(model: OnnxModel) -> Iterator[Finding]:
    """Attributes of recurrent nodes that kernels lack or read differently."""
    for node in _cells(model):
        where = f"{node.name!r} ({node.op})"
        if node.attributes.get("layout"):
            yield Finding(
                "layout",
                "blocks",
                (ONNXRUNTIME,),
                where,
                "layout=1 (batch first)",
                "onnxruntime's processor kernels take layout=0 alone.",
                "Export with layout=0 and a Transpose in front.",
            )
        if node.attributes.get("clip"):
            yield Finding(
                "clip",
                "note",
                (ONNXRUNTIME,),
                where,
                f"clip={node.attributes['clip']:g}",
                "Sums in front of the functions are clipped; Keras and PyTorch have nothing like it, so that a port differs.",
                "Train and export without it.",
            )
        if _input(node, _LENGTHS):
            yield Finding(
                "sequence_lens",
                "costs",
                (ONNXRUNTIME,),
                where,
                "takes the length of each window as an input",
                "Steps behind it are computed as zeros; a stream has no end to state.",
                "Export without packed sequences, and feed valid steps alone.",
            )


def open_axes(model: OnnxModel) -> Iterator[Finding]:
    """Axes that the caller sizes."""
    for port in model.inputs:
        if not port.open:
            continue
        features = bool(port.sizes) and len(port.sizes) - 1 in port.open and len(port.sizes) > 1
        shape = f"({', '.join(port.sizes)})"
        yield Finding(
            "open_axes",
            "costs" if features else "note",
            (ONNXRUNTIME,),
            f"input {port.name!r}",
            f"shape {shape}" + (", the number of features open" if features else ""),
            "Memory is planned anew for every new size, and accelerators (NNAPI, CoreML, QNN) take fixed shapes alone.",
            "Export with fixed sizes, or fix them: python -m onnxruntime.tools.make_dynamic_shape_fixed.",
        )


def external(model: OnnxModel) -> Iterator[Finding]:
    """Weights in another file."""
    missing = sorted({data.location for data in model.external if not data.present})
    if missing:
        yield Finding(
            "external_data",
            "blocks",
            BOTH,
            listed(missing),
            f"{counted(len(model.external), 'weight')} in a file that is not beside the model",
            "The .onnx holds the graph alone; a session fails when it is made.",
            "Copy both files, or export with torch.onnx.export(..., external_data=False).",
        )
    elif model.external:
        yield Finding(
            "external_data",
            "note",
            BOTH,
            listed([data.location for data in model.external]),
            f"{counted(len(model.external), 'weight')} in a second file",
            "Both have to be shipped, under these names.",
            "Export with torch.onnx.export(..., external_data=False).",
        )


def quantized(model: OnnxModel) -> Iterator[Finding]:
    """Dynamic quantisation, and what it leaves alone."""
    done = [node for node in model.nodes if node.op in _DYNAMIC]
    if not done:
        return
    left = [node for node in _cells(model) if node.op != "LSTM"]
    if left:
        yield Finding(
            "float_cells",
            "costs",
            (ONNXRUNTIME,),
            _names(left),
            f"{counted(len(left), 'recurrent node')} in floats inside a model that is quantised",
            "quantize_dynamic knows LSTM alone: the matrices of GRU and RNN stay float32, which is most of the model.",
            "'edgeseq quantize' the float model, then 'edgeseq export --format onnx'.",
        )
    lstm = [node for node in done if node.op == "DynamicQuantizeLSTM"]
    if lstm:
        yield Finding(
            "dynamic_lstm",
            "costs",
            (ONNXRUNTIME,),
            _names(lstm),
            f"{len(lstm)} DynamicQuantizeLSTM of onnxruntime's own domain",
            "Integer weights, float gates and states: 38.6 dB on a measured LSTM, for processors with fast floats alone. No "
            "other runtime has it.",
            "'edgeseq quantize' the float model: its states are 16-bit integers everywhere.",
        )


def _input(node: NodeInfo, at: int) -> str:
    return node.inputs[at] if len(node.inputs) > at else ""


RULES: tuple[Callable[[OnnxModel], Iterator[Finding]], ...] = (
    importable,
    foreign_domain,
    opset,
    loops,
    lost_state,
    options,
    open_axes,
    external,
    quantized,
)
