"""Types of numbers that a runtime has no kernel for, or computes differently."""

from __future__ import annotations

from collections.abc import Iterator

from edgeseq.doctor.finding import Finding, counted, listed
from edgeseq.doctor.tflite.file import OperatorInfo, SubgraphInfo, TensorInfo, TfliteFile
from edgeseq.doctor.tflite.rules.operators import every_operator
from edgeseq.doctor.tflite.runtimes import ALL, HOSTED, TFLITE_RUNTIME, TFLM

_MATRICES = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "BATCH_MATMUL", "UNIDIRECTIONAL_SEQUENCE_LSTM", "SVDF")
_FLOATS = ("FLOAT32", "FLOAT16", "FLOAT64")
_UNKNOWN_TO_TFLM = ("STRING", "COMPLEX64", "COMPLEX128", "FLOAT64", "VARIANT", "UINT64", "BFLOAT16")


def _matrices(file: TfliteFile) -> Iterator[tuple[SubgraphInfo, OperatorInfo, TensorInfo, TensorInfo]]:
    """Operators that multiply by a constant, with their first input and that constant."""
    for graph in file.subgraphs:
        for operator in graph.operators:
            if operator.name not in _MATRICES or len(operator.inputs) < 2:
                continue
            source, weights = graph.tensor(operator.inputs[0]), graph.tensor(operator.inputs[1])
            if source is not None and weights is not None and weights.constant:
                yield graph, operator, source, weights


def hybrid(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """Integer weights with float activations (dynamic range)."""
    found = [
        operator.name
        for _, operator, source, weights in _matrices(file)
        if source.kind == "FLOAT32" and weights.kind in ("INT8", "UINT8", "INT4")
    ]
    if not found:
        return
    where, what = listed(found), f"{counted(len(found), 'operator')} with integer weights and float activations (dynamic range)"
    yield Finding(
        "hybrid",
        "blocks",
        (TFLM,),
        where,
        what,
        "TensorFlow Lite Micro has no hybrid kernels and refuses the file.",
        "Quantise the activations too: give the converter a representative_dataset, one step at a time; or "
        "'edgeseq quantize' with calibration data.",
    )
    yield Finding(
        "hybrid",
        "note",
        HOSTED,
        where,
        what,
        "The weights are small on disk; activations are quantised anew at every call, and states stay floats.",
        "Nothing to do where floats are fast.",
    )


def half(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """Weights in float16, widened by DEQUANTIZE."""
    names, size = [], 0
    for graph in file.subgraphs:
        for operator in graph.operators:
            source = graph.tensor(operator.inputs[0]) if operator.inputs else None
            if operator.name == "DEQUANTIZE" and source is not None and source.kind == "FLOAT16":
                names.append(source.name)
                size += len(source.data)
    if not names:
        return
    where = listed(names, 2)
    what = f"{counted(len(names), 'weight tensor')} of float16 ({size:,} bytes), widened to float32 by DEQUANTIZE"
    yield Finding(
        "float16",
        "blocks",
        (TFLM,),
        where,
        what,
        "TensorFlow Lite Micro's DEQUANTIZE takes integers alone.",
        "Convert to float32, or better to integers: 'edgeseq quantize', then export.",
    )
    yield Finding(
        "float16",
        "costs",
        HOSTED,
        where,
        what,
        f"The runtime widens them when it loads the file: what is saved is disk, and {2 * size:,} bytes of RAM are added.",
        "Integers halve it once more, in RAM too.",
    )


def per_channel(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """Rows with a scale each, whose rounding is the runtime's own."""
    found = [
        operator.name
        for _, operator, source, weights in _matrices(file)
        if operator.name == "FULLY_CONNECTED" and source.kind == "INT8" and weights.kind == "INT8" and weights.scales > 1
    ]
    if found:
        yield Finding(
            "per_channel",
            "note",
            ALL,
            listed(found),
            f"{len(found)} int8 FULLY_CONNECTED with a scale per row",
            "XNNPACK rounds each result once, the built-in kernels and tflite-runtime twice: outputs differ by one step between "
            "runtimes, and a recurrent state carries the difference on.",
            "Evaluate on the runtime that ships; or 'edgeseq export', whose scales make all of them agree bit for bit.",
        )


def narrow_bias(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """16-bit activations with a bias of 32 bits."""
    found = []
    for graph, operator, source, _ in _matrices(file):
        bias = graph.tensor(operator.inputs[2]) if len(operator.inputs) > 2 else None
        if operator.name == "FULLY_CONNECTED" and source.kind == "INT16" and bias is not None and bias.kind == "INT32":
            found.append(operator.name)
    if found:
        yield Finding(
            "int32_bias",
            "blocks",
            (TFLITE_RUNTIME,),
            listed(found),
            f"{len(found)} FULLY_CONNECTED of 16-bit activations with a bias of 32 bits",
            "tflite-runtime 2.14 takes a bias of 64 bits there; LiteRT runs both, but its optimised and reference "
            "kernels differ.",
            "Convert with a bias of 64 bits (the converter's default), or 'edgeseq export --format tflite'.",
        )


def four_bits(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """Weights of 4 bits under activations of 16."""
    names = [weights.name for _, _, source, weights in _matrices(file) if weights.kind == "INT4" and source.kind == "INT16"]
    if names:
        yield Finding(
            "int4",
            "blocks",
            (TFLITE_RUNTIME, TFLM),
            listed(names, 2),
            f"{counted(len(names), 'weight tensor')} of 4 bits under activations of 16 bits",
            "LiteRT alone has a kernel for the pair.",
            "Store them in 8 bits: 'edgeseq export --format tflite --wide-weights'.",
        )


def sparse(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """Weights stored without their zeros."""
    names = [tensor.name for graph in file.subgraphs for tensor in graph.tensors if tensor.sparse]
    if names:
        yield Finding(
            "sparse",
            "blocks",
            (TFLM,),
            listed(names, 2),
            f"{counted(len(names), 'tensor')} stored without their zeros",
            "TensorFlow Lite Micro reads dense weights alone.",
            "Convert without sparsity, or 'edgeseq export --format c', which leaves blocks of zeros out.",
        )


def foreign_types(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """Types that no kernel of a microcontroller takes."""
    found = {tensor.kind for graph in file.subgraphs for tensor in graph.tensors if tensor.kind in _UNKNOWN_TO_TFLM}
    names = [tensor.name for graph in file.subgraphs for tensor in graph.tensors if tensor.kind in found]
    if names:
        yield Finding(
            "type",
            "blocks",
            (TFLM,),
            listed(names, 2),
            f"{counted(len(names), 'tensor')} of type {', '.join(sorted(found))}",
            "TensorFlow Lite Micro has no kernels for that type.",
            "Compute that part in your own code before the model.",
        )


def floats(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """A float model on a microcontroller."""
    weights = [weights for _, _, _, weights in _matrices(file) if weights.kind in _FLOATS]
    if weights and not any(operator.custom for operator in every_operator(file)):
        size = sum(len(tensor.data) for tensor in weights)
        yield Finding(
            "float_weights",
            "costs",
            (TFLM,),
            listed([tensor.name for tensor in weights], 2),
            f"{size:,} bytes of float weights",
            "Four times the flash of 8-bit weights, and without a floating-point unit (Cortex-M0+, M3, AVR) every operation is a "
            "call of a library: about 30 times the instructions of integers, measured on GRUs.",
            "'edgeseq quantize' with calibration data, then 'edgeseq profile --target ...' tells what it costs.",
        )
