"""All rules on Keras files: each takes the layers and yields findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from edgeseq.doctor.finding import Finding, listed
from edgeseq.doctor.keras.runtimes import CONVERTER, EDGESEQ
from edgeseq.frontend.convert import convert
from edgeseq.frontend.source import SourceLayer, SourceModel

_LOOPED = ("GRU", "LSTM", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D")
_CUDNN = ("CuDNNGRU", "CuDNNLSTM")
_TO_EDGESEQ = "or give the file to 'edgeseq export --format tflite', which needs no converter"


def refusals(source: SourceModel) -> Iterator[Finding]:
    """Layers that edgeseq refuses, and notes on those that it takes."""
    for row in convert(source).rows:
        if not row.supported:
            yield Finding(
                "not_supported",
                "blocks",
                (EDGESEQ,),
                f"layer {row.name!r} ({row.kind})",
                "edgeseq cannot make integers of it",
                f"{row.reason}.",
                "Change the layer as the reason says and train or save again; docs/support.md lists what is supported.",
            )
        elif row.reason:
            yield Finding(
                "read_as",
                "note",
                (EDGESEQ,),
                f"layer {row.name!r} ({row.kind})",
                row.reason,
                "The integer code does exactly this.",
                "Nothing to do if that is what you mean.",
            )


def _recurrent(layers: Sequence[SourceLayer]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and config of every recurrent layer, those inside Bidirectional and TimeDistributed too."""
    for layer in layers:
        config: Any = layer.config
        kind: Any = layer.class_name
        if kind in ("Bidirectional", "TimeDistributed"):
            inner = config.get("layer")
            kind = inner.get("class_name") if isinstance(inner, dict) else ""
            config = inner.get("config") if isinstance(inner, dict) else {}
        if kind in _LOOPED and isinstance(config, dict):
            yield layer.name, config


def _shape(layers: Sequence[SourceLayer]) -> list[Any]:
    for layer in layers:
        shape = layer.config.get("batch_shape") or layer.config.get("batch_input_shape")
        if isinstance(shape, list | tuple):
            return list(shape)
    return []


def open_batch(layers: Sequence[SourceLayer]) -> Iterator[Finding]:
    """A loop over an open batch."""
    looped = [name for name, config in _recurrent(layers) if not config.get("unroll")]
    shape = _shape(layers)
    if looped and (not shape or shape[0] is None):
        yield Finding(
            "open_batch",
            "blocks",
            (CONVERTER,),
            f"layers {listed(looped)}",
            "a recurrent layer over a batch of open size",
            "The converter stops at TensorListReserve ('element_shape' must be static), or with SELECT_TF_OPS writes Flex "
            "operators that no wheel and no microcontroller runs.",
            f"Rebuild it with keras.Input(batch_shape=(1, time, features)) and set_weights() before converting; {_TO_EDGESEQ}.",
        )


def loop(layers: Sequence[SourceLayer]) -> Iterator[Finding]:
    """A loop that cannot be calibrated."""
    looped = [name for name, config in _recurrent(layers) if not config.get("unroll")]
    if looped:
        yield Finding(
            "loop",
            "costs",
            (CONVERTER,),
            f"layers {listed(looped)}",
            "a recurrent layer becomes WHILE",
            "Full-integer conversion of a loop ends the process with a segmentation fault while it calibrates (layers of Keras 3 "
            "are not fused to an LSTM operator). Float and dynamic-range files work, but take whole windows.",
            f"Convert one time step with its states as inputs and outputs; {_TO_EDGESEQ}.",
        )


def unrolled(layers: Sequence[SourceLayer]) -> Iterator[Finding]:
    """A layer written out step by step."""
    names = [name for name, config in _recurrent(layers) if config.get("unroll")]
    shape = _shape(layers)
    steps = shape[1] if len(shape) == 3 and isinstance(shape[1], int) else None
    if not names:
        return
    if len(shape) == 3 and steps is None:
        yield Finding(
            "unroll",
            "blocks",
            (CONVERTER,),
            f"layers {listed(names)}",
            "unroll=True over an open number of time steps",
            "Keras cannot write out a loop without end.",
            "Fix the time axis: keras.Input(batch_shape=(1, time, features)).",
        )
        return
    yield Finding(
        "unroll",
        "costs",
        (CONVERTER,),
        f"layers {listed(names)}",
        f"unroll=True over {'its' if steps is None else steps} time steps",
        "Each step gets operators, tensors and scales of its own (measured: 33 kB for 361 bytes of weights at 8 steps); in full "
        "integers the states have 8 bits, and stall.",
        f"Convert one time step; {_TO_EDGESEQ}.",
    )


def stateful(layers: Sequence[SourceLayer]) -> Iterator[Finding]:
    """States inside the layer."""
    names = [name for name, config in _recurrent(layers) if config.get("stateful")]
    if names:
        yield Finding(
            "stateful",
            "wrong",
            (CONVERTER,),
            f"layers {listed(names)}",
            "stateful=True",
            "The states become resource variables, which reset_all_variables() of LiteRT and tflite-runtime does not reset: the "
            "second recording goes on from the first.",
            "Make the states inputs and outputs of a step model, or use 'edgeseq export --form stateful', which has a signature "
            "'reset'.",
        )


def dropout(layers: Sequence[SourceLayer]) -> Iterator[Finding]:
    """Masks on the recurrent connection."""
    names = [name for name, config in _recurrent(layers) if config.get("recurrent_dropout")]
    if names:
        yield Finding(
            "recurrent_dropout",
            "note",
            (CONVERTER, EDGESEQ),
            f"layers {listed(names)}",
            "recurrent_dropout",
            "It acts in training alone and leaves nothing in a file; in training it keeps Keras from its fast GPU kernels.",
            "Nothing to do; be sure to convert the model, not model(x, training=True).",
        )


def masking(layers: Sequence[SourceLayer]) -> Iterator[Finding]:
    """Padded steps that are skipped."""
    masked = [layer.name for layer in layers if layer.class_name == "Masking" or layer.config.get("mask_zero") is True]
    if masked and any(_recurrent(layers)):
        yield Finding(
            "masking",
            "costs",
            (CONVERTER,),
            f"layers {listed(masked)}",
            "a mask over time steps",
            "Every step of the loop compares, selects and carries the mask, and an LSTM with a mask is not fused.",
            "Leave the mask out and feed valid steps alone: a stream has no padding.",
        )


def code(layers: Sequence[SourceLayer]) -> Iterator[Finding]:
    """Layers that are Python code."""
    names = [layer.name for layer in layers if layer.class_name == "Lambda"]
    if names:
        yield Finding(
            "lambda",
            "costs",
            (CONVERTER,),
            f"layers {listed(names)}",
            "Lambda: Python code inside the file",
            "Keras loads it only with safe_mode=False, which runs what a stranger wrote, and only under the Python that "
            "saved it; whatever TFLite has no operator for becomes Flex.",
            "Rewrite it with standard layers, or compute it before the model.",
        )
    foreign = [layer.class_name for layer in layers if ">" in layer.class_name]
    if foreign:
        yield Finding(
            "custom_layer",
            "costs",
            (CONVERTER,),
            listed(foreign),
            "layers of another package",
            "The file holds their weights, not their code: loading needs that package.",
            "Install it where you convert, or rebuild the layer of standard ones.",
        )
    cudnn = [layer.name for layer in layers if layer.class_name in _CUDNN]
    if cudnn:
        yield Finding(
            "cudnn",
            "blocks",
            (CONVERTER,),
            f"layers {listed(cudnn)}",
            "a layer that runs on a GPU alone",
            "TFLite has no operator for CudnnRNN.",
            "Load its weights into keras.layers.GRU(reset_after=True) or LSTM.",
        )


RULES: tuple[Callable[[Sequence[SourceLayer]], Iterator[Finding]], ...] = (
    open_batch,
    loop,
    unrolled,
    stateful,
    dropout,
    masking,
    code,
)
