"""Operators that a runtime has not, or not in this version; control flow."""

from __future__ import annotations

from collections.abc import Iterator

from edgeseq.doctor.finding import Finding, counted, listed
from edgeseq.doctor.tflite.file import OperatorInfo, TfliteFile
from edgeseq.doctor.tflite.runtimes import ALL, HOSTED, RUNTIMES, TFLITE_RUNTIME, resolves_custom, support

WITH_EDGESEQ = "give the .keras to 'edgeseq export --format tflite', which writes built-in operators of every runtime alone"


def every_operator(file: TfliteFile) -> Iterator[OperatorInfo]:
    """Those of all subgraphs."""
    for graph in file.subgraphs:
        yield from graph.operators


def tensor_list(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """A loop over a list of tensors, which TFLite has no operators for."""
    names = [operator.name for operator in every_operator(file) if operator.custom and "TensorList" in operator.name]
    if names:
        yield Finding(
            "tensor_list",
            "blocks",
            ALL,
            listed(names),
            f"{counted(len(names), 'operator')} on lists of tensors, which run in TensorFlow's own kernels (Flex)",
            "A Keras layer whose batch size is open becomes a loop that collects its outputs in a TensorList. No wheel of LiteRT "
            "or tflite-runtime and no microcontroller has these kernels.",
            "Fix the batch: keras.Input(batch_shape=(1, time, features)), then convert with built-in operators; or "
            f"{WITH_EDGESEQ}.",
        )


def flex(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """TensorFlow's own operators."""
    names = [name for name in _custom(file) if name.startswith("Flex") and "TensorList" not in name]
    if names:
        yield Finding(
            "flex",
            "blocks",
            ALL,
            listed(names),
            f"{counted(len(names), 'operator')} that run in TensorFlow's own kernels (Flex)",
            "TFLite has no such operator. Android can link the Flex delegate; the Python wheels of LiteRT and "
            "tflite-runtime, and microcontrollers, cannot.",
            "Move it out of the model, into code before or after it, or build it of other operators; then convert without "
            "SELECT_TF_OPS, which names what is left.",
        )


def custom(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """Operators that the application has to bring."""
    names = [name for name in _custom(file) if not name.startswith("Flex")]
    lacking: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        runtimes = tuple(runtime for runtime in ALL if not resolves_custom(runtime, name))
        if runtimes:
            lacking.setdefault(runtimes, []).append(name)
    for runtimes, left in lacking.items():
        yield Finding(
            "custom_operator",
            "blocks",
            runtimes,
            listed(left),
            f"{counted(len(left), 'custom operator')}",
            "A custom operator is a name alone: it runs where the application registers code for it, and nowhere else.",
            "Convert without allow_custom_ops, which names what TFLite lacks; or register the operator in your application.",
        )


def missing(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """Builtin operators that a runtime has no kernel for."""
    lacking: dict[tuple[str, ...], list[str]] = {}
    for operator in every_operator(file):
        if operator.custom:
            continue
        runtimes = tuple(runtime for runtime in ALL if runtime not in support(operator.name).versions)
        if runtimes:
            lacking.setdefault(runtimes, []).append(operator.name)
    for runtimes, names in lacking.items():
        also = " An unrolled or step model without it runs there." if "BIDIRECTIONAL" in names[0] else ""
        yield Finding(
            "no_kernel",
            "blocks",
            runtimes,
            listed(names),
            f"{counted(len(names), 'built-in operator')} without a kernel on {_named(runtimes)}",
            f"The runtime refuses the file when it allocates its tensors.{also}",
            f"Rebuild that part of the model of other operators; or {WITH_EDGESEQ}.",
        )


def too_new(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """Versions of operators that a runtime does not know yet."""
    found: dict[str, dict[str, tuple[int, int, str]]] = {}
    for operator in every_operator(file):
        known = support(operator.name)
        for runtime in HOSTED:
            if operator.custom or runtime not in known.versions:
                continue
            first, last = known.versions[runtime]
            if not first <= operator.version <= last:
                since = known.since.get(operator.version, "")
                found.setdefault(runtime, {})[operator.name] = (operator.version, last, since)
    for runtime, names in found.items():
        told = ", ".join(f"{name} version {version} (has up to {last})" for name, (version, last, _) in names.items())
        releases = sorted({since for _, _, since in names.values() if since}, key=_order)
        newest = f" TensorFlow Lite {releases[-1]} was the first with all of them." if releases else ""
        yield Finding(
            "too_new",
            "blocks",
            (runtime,),
            listed(list(names)),
            f"newer versions than {RUNTIMES[runtime]} has: {told}",
            f"The converter is newer than the runtime, which finds no kernel for the version and refuses the file.{newest}",
            _older(runtime, list(names)),
        )


def _older(runtime: str, names: list[str]) -> str:
    way = "Use a newer runtime where there is one" if runtime == TFLITE_RUNTIME else "Upgrade ai-edge-litert"
    if "FULLY_CONNECTED" in names:
        way += (
            "; or convert with converter._experimental_disable_per_channel_quantization_for_dense_layers = True, which older "
            "versions of FULLY_CONNECTED can run"
        )
    return f"{way}; or {WITH_EDGESEQ}."


def control_flow(file: TfliteFile, flash: int | None) -> Iterator[Finding]:
    """Loops and branches."""
    names = [name for operator in every_operator(file) if (name := operator.name) in ("WHILE", "IF", "CALL", "STABLEHLO_WHILE")]
    if names:
        yield Finding(
            "control_flow",
            "costs",
            ALL,
            listed(names),
            f"{counted(len(names), 'operator')} of control flow over {len(file.subgraphs)} subgraphs",
            "A recurrent layer became a loop: the file takes whole windows and cannot keep its state from call to call. "
            "Calibrating such a model to integers ends TensorFlow's converter with a segmentation fault, delegates leave it "
            "alone, and on a microcontroller every subgraph has tensors of its own in the arena.",
            "Convert one time step with the states as inputs and outputs, or use unroll=True for short windows; or give the "
            ".keras to 'edgeseq export --format tflite --form step'.",
        )


def _custom(file: TfliteFile) -> list[str]:
    return [operator.name for operator in every_operator(file) if operator.custom]


def _named(runtimes: tuple[str, ...]) -> str:
    return " and ".join(RUNTIMES[runtime] for runtime in runtimes)


def _order(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))
