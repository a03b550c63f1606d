"""Size, and how inputs and outputs are found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from edgeseq.doctor.finding import Finding, counted, listed
from edgeseq.doctor.tflite.file import TfliteFile
from edgeseq.doctor.tflite.runtimes import ALL, TFLM

# Below this a repeated constant is an axis or a shape.
_FEW_BYTES = 32
# A single step of a stack of two LSTMs has fewer.
_MANY_OPERATORS = 60
_KERNELS = "interpreter and kernels come on top: images of small GRUs and LSTMs on a Cortex-M4 measured 39 to 81 kB"


def repeated(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """The same weights stored several times."""
    # Tensors of one buffer hold one object.
    buffers = {id(tensor.data): tensor.data for graph in file.subgraphs for tensor in graph.tensors if tensor.constant}
    kept = Counter(buffers.values())
    copies = {data: count for data, count in kept.items() if count > 1 and len(data) >= _FEW_BYTES}
    wasted = sum((count - 1) * len(data) for data, count in copies.items())
    if wasted:
        most = max(copies.values())
        yield Finding(
            "repeated_weights",
            "costs",
            ALL,
            f"{len(copies)} constants, up to {most} times each",
            f"{wasted:,} of {file.size:,} bytes are copies of the same values",
            "A layer that was written out step by step, or split, may store its matrices once for every copy.",
            "Convert one time step and call it in a loop; or 'edgeseq export --format tflite --form unrolled', whose steps share "
            "their weights.",
        )


def overhead(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """More graph than weights."""
    buffers = {id(tensor.data): len(tensor.data) for graph in file.subgraphs for tensor in graph.tensors if tensor.constant}
    weights, operators = sum(buffers.values()), sum(len(graph.operators) for graph in file.subgraphs)
    if operators < _MANY_OPERATORS or file.size < 4 * weights:
        return
    yield Finding(
        "overhead",
        "costs",
        ALL,
        f"{operators} operators",
        f"{weights:,} of {file.size:,} bytes are weights; the rest describes the graph",
        "A layer that is written out step by step stores operators, tensors, names and scales for each. On a microcontroller "
        "every operator and tensor also takes RAM in the arena.",
        "Convert one time step and call it in a loop; or 'edgeseq export --format tflite --form step', or --format c.",
    )


def flash_budget(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """A file that does not fit."""
    if flash is None:
        return
    if file.size > flash:
        yield Finding(
            "flash",
            "blocks",
            (TFLM,),
            "the whole file",
            f"{file.size:,} bytes, more than {flash:,} bytes of flash",
            f"A model is linked into flash as it is; {_KERNELS}.",
            "Quantise it, or use fewer units; 'edgeseq export --format c' needs no interpreter, and 'edgeseq profile' tells the "
            "whole image.",
        )
    else:
        yield Finding(
            "flash",
            "note",
            (TFLM,),
            "the whole file",
            f"{file.size:,} of {flash:,} bytes of flash",
            f"{_KERNELS[0].upper()}{_KERNELS[1:]}.",
            "'edgeseq export --format c' needs no interpreter, and 'edgeseq profile' tells the whole image.",
        )


def edges(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """Inputs and outputs in another order than they were given, or without names."""
    main = file.main
    if len(main.inputs) < 2 and len(main.outputs) < 2:
        return
    signature = next((entry for entry in file.signatures if entry.subgraph == 0), None)
    names = [main.tensors[number].name for number in (*main.inputs, *main.outputs)]
    if signature is None:
        yield Finding(
            "edges",
            "costs",
            ALL,
            listed(names),
            f"{counted(len(main.inputs), 'input')} and {counted(len(main.outputs), 'output')} without a signature",
            "The converter sorts them by rules of its own; which is the data and which a state has to be guessed from shapes.",
            "Convert from a Keras or saved model, which have a signature; compare one step with Keras before you rely "
            "on indices.",
        )
        return
    told = [*signature.inputs.items()], [*signature.outputs.items()]
    moved = [number for _, number in told[0]] != list(main.inputs) or [number for _, number in told[1]] != list(main.outputs)
    anonymous = [name for name in signature.outputs if name.startswith(("output_", "args_"))]
    shapes = [main.tensors[number].shape for number in main.outputs]
    twins = len(set(shapes)) < len(shapes)
    if moved or (anonymous and len(main.outputs) > 1):
        order = f"inputs {[name for name, _ in told[0]]}, outputs {[name for name, _ in told[1]]}"
        alike = " Some outputs have the same shape, so that a mistake raises no error." if twins else ""
        yield Finding(
            "edges",
            "costs",
            ALL,
            listed(names),
            f"order and names of the file are not those of the signature ({order})",
            f"Code that takes inputs and outputs by index mixes data and states up when the model is converted again.{alike}",
            "Use interpreter.get_signature_runner() and names; in C, find each tensor once by comparing a step with Keras.",
        )
