"""What becomes of a recurrent state: its precision, who keeps it, who wipes it."""

from __future__ import annotations

from collections.abc import Iterator

from edgeseq.doctor.finding import Finding, counted, listed
from edgeseq.doctor.tflite.file import OperatorInfo, SubgraphInfo, TfliteFile
from edgeseq.doctor.tflite.recurrence import states
from edgeseq.doctor.tflite.rules.operators import every_operator
from edgeseq.doctor.tflite.runtimes import ALL, HOSTED, LITERT, TFLITE_RUNTIME, TFLM

_FUSED = "UNIDIRECTIONAL_SEQUENCE_LSTM"
# Places of a fused LSTM's states among its inputs.
_HIDDEN, _CELL = 18, 19
_PLACES = {
    "caller": "passed in and out by the caller",
    "variable": "in a variable of the file",
    "loop": "in a loop",
    "unrolled": "handed from step to step inside",
}
_SIXTEEN = "Keep the state in 16 bits: 'edgeseq export --format tflite' does, at the same weights in 8 bits"


def narrow_state(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """A recurrent state of one byte."""
    for state in states(file):
        if state.kind not in ("INT8", "UINT8"):
            continue
        steps = f" through {state.steps} steps" if state.steps else ""
        yield Finding(
            "int8_state",
            "wrong",
            ALL,
            repr(state.name),
            f"a recurrent state of 8 bits, {_PLACES[state.place]}{steps}",
            "A gated state moves by less than one of 256 levels in most steps, and such an update is lost: the state stalls. "
            "Measured on a GRU: about 10 dB of signal-to-noise against a state of 16 bits; an LSTM's cell loses more.",
            f"{_SIXTEEN}. TensorFlow's converter can with 16-bit activations and 8-bit weights.",
        )


def fused_state(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """A fused LSTM: 8-bit states, one step a call, and what is left in it between calls."""
    for graph in file.subgraphs:
        for operator in graph.operators:
            if operator.name == _FUSED:
                yield from _fused(graph, operator)


def _fused(graph: SubgraphInfo, operator: OperatorInfo) -> Iterator[Finding]:
    where = f"{_FUSED} (operator {operator.index})"
    source = graph.tensor(operator.inputs[0]) if operator.inputs else None
    cell, hidden = (graph.tensor(operator.inputs[at]) if len(operator.inputs) > at else None for at in (_CELL, _HIDDEN))
    if cell is not None and cell.kind in ("INT8", "UINT8"):
        yield Finding(
            "int8_state",
            "wrong",
            ALL,
            f"{where}: {cell.name!r}",
            "a cell state of 8 bits",
            "Updates below one of 256 levels are lost, so that the cell stalls.",
            f"{_SIXTEEN}.",
        )
    elif hidden is not None and hidden.kind == "INT8":
        yield Finding(
            "int8_hidden",
            "costs",
            ALL,
            f"{where}: {hidden.name!r}",
            "a hidden state of 8 bits (its cell has 16)",
            "Its cell does not stall, but all that the next layer sees has 256 levels: 27.5 dB on a measured LSTM, where one "
            "with 16 bits has about 40.",
            f"{_SIXTEEN}.",
        )
    time_axis = 0 if operator.options.get("time_major") else 1
    one_step = source is not None and len(source.shape) == 3 and source.shape[time_axis] == 1
    if one_step:
        yield Finding(
            "fused_one_step",
            "wrong",
            (TFLM,),
            where,
            "takes one time step a call",
            "With the CMSIS-NN kernels of releases before May 2026 the operator sets its states to zero at every call, so that "
            "nothing is carried: 2.8 dB of signal-to-noise. It reports no error. The reference kernels carry the state.",
            "Take a later release, or pass whole windows; or use a step model with its states outside, as "
            "'edgeseq export --format tflite' writes.",
        )
    yield Finding(
        "fused_keeps_state",
        "note" if one_step else "wrong",
        ALL,
        where,
        "keeps its states in the interpreter after a call",
        "The next call goes on from them: the right thing for a stream that comes in steps, but a window that should start from "
        "zero gets another result than Keras gives.",
        "Call interpreter.reset_all_variables() before each window, MicroInterpreter::Reset() on a microcontroller.",
    )


def variables(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """States inside the file, in resource variables."""
    reads = [operator for operator in every_operator(file) if operator.name == "READ_VARIABLE"]
    if not reads:
        return
    handles = [str(operator.options.get("name", "")) for operator in every_operator(file) if operator.name == "VAR_HANDLE"]
    writes = [operator for operator in every_operator(file) if operator.name == "ASSIGN_VARIABLE"]
    if lost := sorted(set(handles) - _written(file)):
        where, what = listed(lost), f"{counted(len(lost), 'variable')} read that nothing in the file ever sets"
        why = "The converter did not see their values: TensorFlow does not track the weights of Keras 3 layers in a tf.Module."
        way = "Convert a keras.Model (TFLiteConverter.from_keras_model), or hold the weights as tf.Variable."
        yield Finding("unset_variable", "blocks", (TFLITE_RUNTIME,), where, what, f"{why} The runtime refuses to read them.", way)
        yield Finding(
            "unset_variable",
            "wrong",
            (LITERT, TFLM),
            where,
            what,
            f"{why} The runtime computes with whatever lies in memory, often NaN, and reports nothing.",
            way,
        )
    if not writes:
        return
    resets = _resetting(file)
    if resets:
        yield Finding(
            "variables",
            "note",
            ALL,
            listed(handles),
            "states lie inside the file",
            "reset_all_variables() of LiteRT and tflite-runtime does not touch them, that of TensorFlow Lite Micro does.",
            f"Set them to zero by the signature {listed(resets)}. One interpreter is one stream.",
        )
    else:
        yield Finding(
            "variables",
            "wrong",
            HOSTED,
            listed(handles),
            "states lie inside the file, and nothing in it sets them back",
            "reset_all_variables() of LiteRT and tflite-runtime does not touch them (TensorFlow Lite Micro's does): the second "
            "recording goes on from the state of the first.",
            "Make a new interpreter for each stream, or a model whose states are inputs and outputs, as "
            "'edgeseq export --format tflite --form step' writes; its form stateful has a signature 'reset'.",
        )
        yield Finding(
            "variables",
            "note",
            (TFLM,),
            listed(handles),
            "states lie inside the file",
            "The next call goes on from them.",
            "Call MicroInterpreter::Reset() before each stream; reset_all_variables() of other runtimes does not reach them.",
        )


def _handles(graph: SubgraphInfo) -> dict[int, str]:
    return {
        operator.outputs[0]: str(operator.options.get("name", ""))
        for operator in graph.operators
        if operator.name == "VAR_HANDLE" and operator.outputs
    }


def _written(file: TfliteFile) -> set[str]:
    """Names of the variables that something sets."""
    found = set()
    for graph in file.subgraphs:
        named = _handles(graph)
        assigned = [operator.inputs[0] for operator in graph.operators if operator.name == "ASSIGN_VARIABLE" and operator.inputs]
        found |= {named[number] for number in assigned if number in named}
    return found


def _resetting(file: TfliteFile) -> list[str]:
    """Signatures that set variables and take no input."""
    keys = []
    for signature in file.signatures:
        graph = file.subgraphs[signature.subgraph]
        if not signature.inputs and any(operator.name == "ASSIGN_VARIABLE" for operator in graph.operators):
            keys.append(signature.key)
    return keys


def open_shape(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """Axes that the caller sizes."""
    for number in file.main.inputs:
        tensor = file.main.tensor(number)
        if tensor is None or not tensor.open:
            continue
        shape = f"({', '.join('?' if axis in tensor.open else str(size) for axis, size in enumerate(tensor.shape))})"
        only_batch = tensor.open == (0,)
        yield Finding(
            "open_shape",
            "costs" if only_batch else "wrong",
            (TFLM,),
            f"input {tensor.name!r}",
            f"shape {shape}, whose open axes are stored as 1",
            "A microcontroller's runtime plans its memory once and takes open axes as 1: "
            + ("one sample a call." if only_batch else "a window of one time step, whatever it was trained on."),
            "Convert with every size fixed: keras.Input(batch_shape=(1, time, features)).",
        )
        yield Finding(
            "open_shape",
            "costs",
            HOSTED,
            f"input {tensor.name!r}",
            f"shape {shape}, whose open axes are stored as 1",
            "Without a call before allocate_tensors() the file runs on a shape of ones, and every new length "
            "allocates all tensors again; delegates such as XNNPACK take fixed shapes alone.",
            "interpreter.resize_tensor_input(index, shape), then allocate_tensors(); or convert with every size fixed.",
        )
